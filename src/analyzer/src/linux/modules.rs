use std::ops::Range;

use super::{LIST_HEAD, LinuxKernel};
use crate::layout::FieldKind;
use crate::process::Module;
use crate::typed_memory::List;
use crate::{Error, Listing};

/// Code, data, constants, and data that becomes constant after initialisation: the permanent parts of a module. Those
/// for its initialisation follow in `enum mod_mem_type`.
const LASTING_PARTS: usize = 4;

/// More types of memory than any kernel has (seven since 6.4).
const MOST_PARTS: u64 = 32;

impl LinuxKernel<'_> {
    /// The loaded modules, in the order of the kernel's list (the latest first). A kernel that was built without modules
    /// (`CONFIG_MODULES`) has no such list.
    ///
    /// # Errors
    /// [`Error::Lacking`] if the profile does not describe modules.
    pub fn modules(&self) -> Result<Listing<Module>, Error> {
        // Both are variables of the kernel, so a profile that has one would have the other.
        if self.symbol("init_task").is_ok() && self.symbol("modules").is_err() {
            return Ok(Listing { rows: Vec::new(), end: Ok(()) });
        }
        let List { entries, end, .. } = self.module_list()?;
        Ok(Listing { rows: entries.iter().map(|module| self.module(*module)).collect(), end })
    }

    pub(crate) fn module_list(&self) -> Result<List, Error> {
        self.view().list(self.symbol("modules")?, "module.list", LIST_HEAD)
    }

    fn module(&self, module: u64) -> Module {
        let view = self.view();
        let (base, size) = self.extent(module).unwrap_or_default();
        let state = view.get(module, "module.state").ok();
        // A counter of all users; since 3.19 the module counts as one of its own users.
        let uses = view.get(module, "module.refcnt").ok().map(|count| count.saturating_sub(1));
        Module {
            address: module,
            name: view.text_in(module, "module.name").unwrap_or_default(),
            base,
            size,
            state: state.map(|state| match state {
                0 => "live",
                1 => "loading",
                2 => "unloading",
                3 => "unformed",
                _ => "unknown",
            }),
            uses,
            ..Module::default()
        }
    }

    /// The place and size of a module's code and data, as in `/proc/modules`: since 6.4 the start of the first part,
    /// and the size of the permanent parts.
    pub(crate) fn extent(&self, module: u64) -> Result<(u64, u64), Error> {
        if !self.layout.has("module.mem") {
            let view = self.view();
            let base = view.get(module, "module.core_layout.base|module.module_core")?;
            return Ok((base, view.get(module, "module.core_layout.size|module.core_size")?));
        }
        let parts = self.memory_parts(module)?;
        let size = parts.iter().take(LASTING_PARTS).map(|part| part.end.wrapping_sub(part.start)).sum();
        Ok((parts.first().map_or(0, |part| part.start), size))
    }

    /// The memory ranges of a module. Until 6.3 there are two, the second one during initialisation; since 6.4 every
    /// type of memory (`enum mod_mem_type`) is allocated separately, anywhere. An unused range is empty.
    ///
    /// # Errors
    /// [`Error`] if the profile does not describe them or the image lacks them.
    pub(crate) fn ranges(&self, module: u64) -> Result<Vec<Range<u64>>, Error> {
        if self.layout.has("module.mem") {
            return self.memory_parts(module);
        }
        let view = self.view();
        let (base, size) = self.extent(module)?;
        let start = view.get(module, "module.init_layout.base|module.module_init").unwrap_or(0);
        let init = view.get(module, "module.init_layout.size|module.init_size").unwrap_or(0);
        Ok(vec![base..base.wrapping_add(size), start..start.wrapping_add(init)])
    }

    fn memory_parts(&self, module: u64) -> Result<Vec<Range<u64>>, Error> {
        let view = self.view();
        let field = self.layout.field("module.mem")?;
        let FieldKind::Array { element, count } = &field.kind else {
            let found = format!("{:?}", field.kind);
            return Err(Error::Kind { what: "module.mem".to_owned(), expected: "an array", found });
        };
        let stride = self.layout.size_of(element).unwrap_or(0);
        let first = module.wrapping_add(field.offset);
        let part = |number: u64| {
            let part = first.wrapping_add(number.wrapping_mul(stride));
            let start = view.get(part, "module_memory.base")?;
            // An `int` in some versions, never above 4 GiB.
            let size = view.get(part, "module_memory.size")? & 0xffff_ffff;
            Ok(start..start.wrapping_add(size))
        };
        (0..(*count).min(MOST_PARTS)).map(part).collect()
    }
}
