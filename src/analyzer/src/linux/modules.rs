use super::{Kernel, LIST_HEAD};
use crate::layout::Kind;
use crate::process::Module;
use crate::view::List;
use crate::{Error, Listing};

impl Kernel<'_> {
    /// The loaded modules, in the order of the kernel's list (the latest first).
    ///
    /// # Errors
    /// [`Error::Lacking`] where the profile does not describe modules.
    pub fn modules(&self) -> Result<Listing<Module>, Error> {
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
        // A counter of all users; since 3.19 the module holds itself once.
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

    /// Where a module's code and data are, and how many bytes they take, as `/proc/modules` tells it.
    pub(crate) fn extent(&self, module: u64) -> Result<(u64, u64), Error> {
        let view = self.view();
        if let Ok(field) = self.layout.field("module.mem") {
            // Since 6.4: one range for each kind of memory; the first four stay after the start.
            let Kind::Array { element, .. } = &field.kind else { return Ok((0, 0)) };
            let stride = self.layout.size_of(element).unwrap_or(0);
            let mut size = 0u64;
            let first = module.wrapping_add(field.offset);
            for part in 0..4 {
                size += view.get(first.wrapping_add(part * stride), "module_memory.size")? & 0xffff_ffff;
            }
            return Ok((view.get(first, "module_memory.base")?, size));
        }
        let base = view.get(module, "module.core_layout.base|module.module_core")?;
        Ok((base, view.get(module, "module.core_layout.size|module.core_size")?))
    }
}
