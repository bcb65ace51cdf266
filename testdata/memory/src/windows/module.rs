//! Loaded modules.

use super::Builder;
use crate::executable::Mapped;
use crate::memory::PAGE;
use crate::paging::{Entry, Mode};
use crate::truth::{Module, Record};

impl Builder {
    /// Every module: images and entries.
    pub(super) fn modules(&mut self) -> Vec<Module> {
        let (hal, tcpip) = (self.hal, self.tcpip);
        let mut modules = Vec::new();
        let kernel_size = self.kernel.bytes.len() as u64;
        let (kernel, _) = self.kernel.identity();
        modules.push((
            "ntoskrnl.exe",
            self.plan.kernel,
            kernel_size,
            u64::from(self.kernel.entry),
            Some(kernel),
        ));
        let mut next = self.plan.drivers;
        // The first page of one is shared memory. Entries without PAE count from where this system's paged pool begins,
        // which no document tells.
        let shared = if self.plan.mode == Mode::X86 { Entry::Present(0) } else { Entry::Prototype(0) };
        let mut drivers = vec![
            ("hal.dll", hal, Some(self.plan.hal), Entry::Present(0)),
            ("tcpip.sys", tcpip, None, Entry::Present(0)),
            ("win32k.sys", tcpip, None, shared),
            ("gone.sys", tcpip, None, Entry::PagedOut(0x99)),
            ("nameless.sys", tcpip, None, Entry::Transition(0)),
        ];
        if self.session.is_some() {
            drivers.push(("win32kfull.sys", tcpip, None, Entry::Present(0)));
        }
        for (name, file, at, header) in drivers {
            let mut base = at.unwrap_or(next);
            let image = Mapped::load(file, base);
            let size = (image.bytes.len() as u64).next_multiple_of(PAGE);
            if at.is_none() {
                next += size + 0x1_0000;
            }
            if name.starts_with("win32k")
                && let Some(session) = self.session
            {
                base = session + (base & 0xfff_f000);
                self.keep_for_sessions(&image, base);
            } else {
                self.map_driver(&image, base, header);
            }
            let identity = if matches!(header, Entry::PagedOut(_)) { None } else { Some(image.identity().0) };
            modules.push((name, base, size, u64::from(image.entry), identity));
        }
        let mut entries = Vec::new();
        let truth = modules
            .into_iter()
            .map(|(name, base, size, entry, identity)| {
                let of = self.layout.module_entry();
                let at = self.allocate(self.layout.size(of));
                let count = self.layout.offset_if_any(&format!("{of}.LoadCount"));
                let member = |name: &str| at + self.layout.offset(&format!("{of}.{name}"));
                let (full, short) = (member("FullDllName"), member("BaseDllName"));
                let (dll, start, length) = (member("DllBase"), member("EntryPoint"), member("SizeOfImage"));
                entries.push(member("InLoadOrderLinks"));
                self.poke_pointer(dll, base);
                self.poke_pointer(start, base + entry);
                self.poke(length, &(size as u32).to_le_bytes());
                if let Some(count) = count {
                    self.poke(at + count, &1_u16.to_le_bytes());
                }
                let path = format!("\\SystemRoot\\system32\\{name}");
                // The names of one are in the paging file, those of another in a page that is only not mapped.
                let (out, transition) = (name == "nameless.sys", name == "tcpip.sys");
                if out || transition {
                    self.paged_pool = self.paged_pool.next_multiple_of(PAGE);
                }
                let page = self.paged_pool / PAGE * PAGE;
                self.text(full, &path, true);
                self.text(short, name, true);
                if out || transition {
                    let frame = self.frames[&page];
                    let entry = if out { Entry::PagedOut(0x55) } else { Entry::Transition(frame) };
                    self.tables.map(&mut self.memory, page, entry);
                    if out {
                        self.memory.clear(frame);
                    }
                    self.paged_pool = self.paged_pool.next_multiple_of(PAGE);
                }
                let readable = |text: String| (!out).then_some(text);
                Module {
                    name: readable(name.to_owned()),
                    path: readable(path),
                    base,
                    size,
                    offset: at,
                    identity,
                }
            })
            .collect();
        self.link(self.symbol("PsLoadedModuleList"), &entries);
        truth
    }

    /// Puts a driver into memory, and has it mapped by the processes of sessions alone.
    fn keep_for_sessions(&mut self, image: &Mapped, base: u64) {
        let mut frames = Vec::new();
        for (number, content) in image.bytes.chunks(PAGE as usize).enumerate() {
            let frame = self.memory.frame();
            self.memory.write(frame, content);
            frames.push(frame);
            self.session_pages.push((base + number as u64 * PAGE, frame));
        }
        let (at, _) = image.debug;
        let (identity, name) = image.identity();
        let address = frames[(u64::from(at) / PAGE) as usize] + u64::from(at) % PAGE;
        self.records.push(Record { address, identity, name, why: "a module of sessions" });
    }

    /// Maps a driver page by page, its first as `header` says.
    pub(super) fn map_driver(&mut self, image: &Mapped, base: u64, header: Entry) {
        for (number, content) in image.bytes.chunks(PAGE as usize).enumerate() {
            let page = base + number as u64 * PAGE;
            // In the kernel's large page.
            if let Some(physical) = self.tables.physical(&self.memory, page) {
                self.memory.write(physical, content);
            } else {
                let frame = self.memory.frame();
                self.memory.write(frame, content);
                let entry = match header {
                    _ if number > 0 => Entry::Present(frame),
                    Entry::Prototype(_) => {
                        // The entry that it leads to stands in the paged pool, and is valid.
                        let prototype = self.allocate_paged(8);
                        self.poke(prototype, &(frame | 0x121).to_le_bytes());
                        Entry::Prototype(prototype)
                    }
                    Entry::PagedOut(slot) => {
                        self.memory.clear(frame);
                        Entry::PagedOut(slot)
                    }
                    Entry::Transition(_) => Entry::Transition(frame),
                    Entry::Present(_) => Entry::Present(frame),
                };
                self.tables.map(&mut self.memory, page, entry);
            }
        }
        let at = base + u64::from(image.debug.0);
        let (identity, name) = image.identity();
        self.records.push(Record { address: self.physical(at), identity, name, why: "a module" });
    }
}
