//! Processes: those on the list, those that left it, and what each can see.

use super::case::SHARED_USER;
use super::{Builder, utf16};
use crate::memory::PAGE;
use crate::paging::{Entry, Mode, Tables};
use crate::truth::Process;

/// A process to make.
pub(super) struct Wanted {
    pub(super) pid: u64,
    pub(super) ppid: u64,
    pub(super) name: &'static str,
    pub(super) threads: u64,
    pub(super) session: Option<usize>,
    pub(super) fate: Fate,
}

/// What became of a process.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    Runs,
    /// Its own struct straddles two pages that are not neighbours in physical memory.
    Straddles,
    /// Its `_PEB` is in the paging file.
    PagedOut,
    /// Its struct's page is not mapped but still in memory.
    Transition,
    /// Ended, but something holds it, so that it is on the list.
    Exited,
    /// Ended and gone from the list; its memory was not used again yet.
    Stale,
    /// Its page in the dump is from another moment: all zeroes (in images with a torn list; runs elsewhere).
    Torn,
}

pub(super) const SECOND: u64 = 10_000_000;

pub(super) fn wanted() -> Vec<Wanted> {
    let make = |pid, ppid, name, threads, session, fate| Wanted { pid, ppid, name, threads, session, fate };
    vec![
        make(4, 0, "System", 3, None, Fate::Runs),
        make(272, 4, "smss.exe", 2, None, Fate::Straddles),
        make(348, 340, "csrss.exe", 3, Some(0), Fate::Runs),
        make(400, 340, "wininit.exe", 1, Some(0), Fate::Runs),
        make(408, 392, "csrss.exe", 2, Some(1), Fate::Runs),
        make(456, 392, "winlogon.exe", 2, Some(1), Fate::Runs),
        make(500, 400, "services.exe", 2, Some(0), Fate::Runs),
        make(508, 400, "lsass.exe", 2, Some(0), Fate::Runs),
        make(620, 500, "svchost.exe", 3, Some(0), Fate::Torn),
        make(696, 500, "svchost.exe", 2, Some(0), Fate::PagedOut),
        make(1340, 1312, "explorer.exe", 3, Some(1), Fate::Transition),
        make(1720, 1340, "cmd.exe", 1, Some(1), Fate::Runs),
        make(1848, 1720, "averylongnamed.exe", 1, Some(1), Fate::Runs),
        make(1904, 1340, "notepad.exe", 0, Some(1), Fate::Exited),
        make(2012, 1340, "calc.exe", 0, Some(1), Fate::Stale),
        make(2360, 1720, "whoami.exe", 0, Some(1), Fate::Stale),
        make(4076, 500, "msdtc.exe", 2, Some(0), Fate::Runs),
    ]
}

impl Builder {
    pub(super) fn is_torn(&self, process: &Process) -> bool {
        self.torn && wanted().iter().any(|wanted| wanted.pid == process.pid && wanted.fate == Fate::Torn)
    }

    /// Every process, with the address spaces of those that have a user half.
    pub(super) fn processes(&mut self) -> (Vec<Process>, Vec<Process>, Vec<(Tables, Wanted)>) {
        let sessions: Vec<u64> = (0..2_u32)
            .map(|number| {
                let session = self.allocate(self.layout.size_if_any("_MM_SESSION_SPACE").unwrap_or(0x100));
                self.poke(session, &1_u32.to_le_bytes());
                if let Some(id) = self.layout.offset_if_any("_MM_SESSION_SPACE.SessionId") {
                    self.poke(session + id, &number.to_le_bytes());
                }
                if let Some(list) = self.layout.offset_if_any("_MM_SESSION_SPACE.ProcessList") {
                    self.link(session + list, &[]);
                }
                session
            })
            .collect();
        let (mut listed, mut stale, mut spaces) = (Vec::new(), Vec::new(), Vec::new());
        let mut tables_of_handles = Vec::new();
        for (index, wanted) in wanted().into_iter().enumerate() {
            let process = self.process(index as u64, &wanted, &sessions, &mut tables_of_handles);
            let is_stale = wanted.fate == Fate::Stale;
            if !is_stale && wanted.pid != 4 && wanted.fate != Fate::Exited {
                spaces.push((Tables::new(&mut self.memory, self.plan.mode, process.dtb), wanted));
            }
            if is_stale { stale.push(process) } else { listed.push(process) }
        }
        let links = self.layout.offset("_EPROCESS.ActiveProcessLinks");
        let head = self.symbol("PsActiveProcessHead");
        // What left the list still points to its neighbours of that time.
        let (first, last) = (head, listed[listed.len() - 1].offset + links);
        for process in &stale {
            self.poke_pointer(process.offset + links, first);
            self.poke_pointer(process.offset + links + self.width(), last);
        }
        let entries: Vec<u64> = listed.iter().map(|process| process.offset + links).collect();
        self.link(head, &entries);
        if let Some(head) = self.layout.symbol_if_any("HandleTableListHead") {
            self.link(self.plan.kernel + head, &tables_of_handles);
        }
        // Only now: what is unmapped cannot be written any more.
        for (process, wanted) in
            listed.iter().zip(wanted().iter().filter(|wanted| wanted.fate != Fate::Stale))
        {
            if wanted.fate == Fate::Transition {
                let page = process.offset / PAGE * PAGE;
                let frame = self.frames[&page];
                self.tables.map(&mut self.memory, page, Entry::Transition(frame));
            }
        }
        (listed, stale, spaces)
    }

    pub(super) fn process(
        &mut self,
        index: u64,
        wanted: &Wanted,
        sessions: &[u64],
        handle_tables: &mut Vec<u64>,
    ) -> Process {
        let ended = matches!(wanted.fate, Fate::Exited | Fate::Stale);
        let dtb = match (wanted.pid, self.plan.mode) {
            (4, _) => self.plan.top,
            (_, Mode::Pae) => self.tables_above(5),
            _ => self.tables_above(1),
        };
        // The header of the pool's block and of the object stand before it.
        let before = 0x60;
        let size = before + self.layout.size("_EPROCESS");
        let block = match wanted.fate {
            Fate::Straddles => {
                self.pool = self.pool.next_multiple_of(PAGE) + PAGE - 0x100;
                self.allocate(size)
            }
            Fate::Transition | Fate::Torn => {
                self.pool = self.pool.next_multiple_of(PAGE);
                let block = self.allocate(size);
                self.pool = self.pool.next_multiple_of(PAGE);
                block
            }
            _ => self.allocate(size),
        };
        self.poke(block + 4, b"Pro\xe3");
        let at = block + before;
        let created =
            self.plan.time + if wanted.pid == 4 { 0 } else { (20 + index * 7) * SECOND + 1_234_567 };
        let created = if wanted.pid == 4 && self.plan.version.0 == 5 { 0 } else { created };
        let exited = if ended { created + 90 * SECOND } else { 0 };
        let threads = if ended { 0 } else { wanted.threads };
        // 14 letters and a NUL; XP keeps 15.
        let kept = if self.layout.number("build") == 2600 { 15 } else { 14 };
        let name: String = wanted.name.chars().take(kept).collect();
        let pointer = |value: u64, width: u64| value.to_le_bytes()[..width as usize].to_vec();
        let width = self.width();

        // With page-table isolation the register holds a number of the address space (PCID), and there are other tables
        // for user mode.
        let (register, user) = match self.isolated && self.layout.pointer == 8 {
            true => (dtb | 2, self.tables_above(1) | 1),
            false => (dtb, 0),
        };
        self.poke(at, &[3, 0, (self.layout.size_if_any("_KPROCESS").unwrap_or(0x160) / 4) as u8, 0]);
        for (member, bytes) in [
            ("_KPROCESS.DirectoryTableBase", pointer(register, width)),
            ("_KPROCESS.UserDirectoryTableBase", pointer(user, width)),
            ("_EPROCESS.UniqueProcessId", pointer(wanted.pid, width)),
            ("_EPROCESS.InheritedFromUniqueProcessId", pointer(wanted.ppid, width)),
            ("_EPROCESS.CreateTime", created.to_le_bytes().to_vec()),
            ("_EPROCESS.ExitTime", exited.to_le_bytes().to_vec()),
            ("_EPROCESS.ActiveThreads", (threads as u32).to_le_bytes().to_vec()),
            ("_EPROCESS.ImageFileName", name.clone().into_bytes()),
            ("_EPROCESS.ExitStatus", (if ended { 0_u32 } else { 0x103 }).to_le_bytes().to_vec()),
            ("_EPROCESS.Flags", (if ended { 0xd_u32 } else { 1 }).to_le_bytes().to_vec()),
        ] {
            if let Some(offset) = self.layout.offset_if_any(member) {
                self.poke(at + offset, &bytes);
            }
        }
        if let Some(list) = self.layout.offset_if_any("_KPROCESS.ProfileListHead") {
            self.link(at + list, &[]);
        }
        self.link(at + 2 * 4, &[]);
        let members: Vec<u64> =
            (0..threads).map(|number| self.thread(at, wanted.pid, number, created)).collect();
        for (head, entry) in [
            ("_KPROCESS.ThreadListHead", "_KTHREAD.ThreadListEntry"),
            ("_EPROCESS.ThreadListHead", "_ETHREAD.ThreadListEntry"),
        ] {
            let (head, entry) = (self.layout.offset_if_any(head), self.layout.offset_if_any(entry));
            if let (Some(head), Some(entry)) = (head, entry) {
                let entries: Vec<u64> = members.iter().map(|thread| thread + entry).collect();
                self.link(at + head, &entries);
            }
        }
        let token = self.allocate(0x40);
        if let Some(member) = self.layout.offset_if_any("_EPROCESS.Token") {
            self.poke_pointer(at + member, token | 5);
        }
        if let (Some(session), Some(member)) =
            (wanted.session, self.layout.offset_if_any("_EPROCESS.Session"))
        {
            self.poke_pointer(at + member, sessions[session]);
        }
        let mut handles = None;
        if !ended {
            let count = 10 + index * 13;
            let table = self.handle_table(count as u32);
            for (member, value) in [
                ("_HANDLE_TABLE.UniqueProcessId", wanted.pid),
                // System's has none.
                ("_HANDLE_TABLE.QuotaProcess", if wanted.pid == 4 && !self.own_build() { 0 } else { at }),
            ] {
                if let Some(offset) = self.layout.offset_if_any(member) {
                    self.poke_pointer(table + offset, value);
                }
            }
            self.poke_pointer(at + self.layout.offset("_EPROCESS.ObjectTable"), table);
            handle_tables
                .extend(self.layout.offset_if_any("_HANDLE_TABLE.HandleTableList").map(|list| table + list));
            let lists = self.layout.offset_if_any("_HANDLE_TABLE_FREE_LIST.HandleCount");
            let counted = self.layout.offset_if_any("_HANDLE_TABLE.HandleCount").or(lists).is_some();
            handles = counted.then_some(count);
        }
        if wanted.pid != 4 {
            self.poke_pointer(at + self.layout.offset("_EPROCESS.Peb"), self.plan.peb);
            if let Some(member) = self.layout.offset_if_any("_EPROCESS.SectionBaseAddress") {
                self.poke_pointer(at + member, self.plan.program);
            }
            let path = format!("\\Device\\HarddiskVolume1\\Windows\\System32\\{}", wanted.name);
            let information = self.allocate(2 * self.width());
            self.text(information, &path, false);
            if let Some(member) = self.layout.offset_if_any("_EPROCESS.SeAuditProcessCreationInfo") {
                self.poke_pointer(at + member, information);
            }
        }
        Process {
            pid: wanted.pid,
            ppid: wanted.ppid,
            name,
            offset: at,
            dtb,
            created,
            exited,
            threads,
            handles,
            uid: None,
            forwards: true,
            backwards: true,
        }
    }

    /// Whether the kernel is one of our own making.
    pub(super) fn own_build(&self) -> bool {
        !self.kernel.sections.is_empty()
    }

    /// A table of so many handles. Windows 8.1 and later count them per list of free ones, of which newer kernels have
    /// several; a handle may be closed elsewhere than it was opened, so one count can be negative.
    fn handle_table(&mut self, count: u32) -> u64 {
        let lists = self.layout.size_if_any("_HANDLE_TABLE_FREE_LIST").unwrap_or(0);
        let table = self.allocate(self.layout.size_if_any("_HANDLE_TABLE").unwrap_or(0x100) + lists);
        let of_list = |list: u64| -> Option<u64> {
            let first = self.layout.offset_if_any("_HANDLE_TABLE.FreeLists")?;
            Some(
                table
                    + first
                    + list * lists
                    + self.layout.offset_if_any("_HANDLE_TABLE_FREE_LIST.HandleCount")?,
            )
        };
        let several = self.layout.symbol_if_any("ExpFreeListCount").is_some();
        let places = match (self.layout.offset_if_any("_HANDLE_TABLE.HandleCount"), several) {
            (Some(member), _) => vec![(Some(table + member), count)],
            (None, false) => vec![(of_list(0), count)],
            (None, true) => vec![(of_list(0), count + 5), (of_list(1), 5_u32.wrapping_neg())],
        };
        for (at, value) in places {
            if let Some(at) = at {
                self.poke(at, &value.to_le_bytes());
            }
        }
        table
    }

    pub(super) fn thread(&mut self, process: u64, pid: u64, number: u64, created: u64) -> u64 {
        let thread = self.allocate(self.layout.size_if_any("_ETHREAD").unwrap_or(0x900));
        self.poke(thread, &[6]);
        let cid = thread + self.layout.offset("_ETHREAD.Cid");
        self.poke_pointer(cid, pid);
        self.poke_pointer(cid + self.width(), pid + 4 * (number + 1));
        for member in ["_KTHREAD.Process", "_ETHREAD.ThreadsProcess"] {
            if let Some(offset) = self.layout.offset_if_any(member) {
                self.poke_pointer(thread + offset, process);
            }
        }
        if let Some(offset) = self.layout.offset_if_any("_KTHREAD.State") {
            self.poke(thread + offset, &[5]);
        }
        if let Some(offset) = self.layout.offset_if_any("_ETHREAD.CreateTime") {
            self.poke(thread + offset, &created.to_le_bytes());
        }
        thread
    }

    /// What a process maps below the kernel: its `_PEB`, its parameters, its program's first page, and the shared data.
    pub(super) fn user_half(&mut self, space: &Tables, wanted: &Wanted, shared: u64) {
        let [peb, parameters, program] = [self.plan.peb, 0x23_0000, self.plan.program];
        let frames = [self.memory.frame(), self.memory.frame(), self.memory.frame()];
        for (address, frame) in [peb, parameters, program].into_iter().zip(frames) {
            space.map(&mut self.memory, address, Entry::Present(frame));
        }
        space.map(&mut self.memory, SHARED_USER, Entry::Present(shared));
        let width = self.layout.pointer;
        let mut pointers = Vec::new();
        for (member, value) in [("_PEB.ImageBaseAddress", program), ("_PEB.ProcessParameters", parameters)] {
            pointers.extend(self.layout.offset_if_any(member).map(|offset| (frames[0] + offset, value)));
        }
        for (free, member, text) in [
            (0x400, "ImagePathName", format!("C:\\Windows\\System32\\{}", wanted.name)),
            (0x600, "CommandLine", format!("\"{}\" -pid {}", wanted.name, wanted.pid)),
        ] {
            let bytes = utf16(&text);
            let member = format!("_RTL_USER_PROCESS_PARAMETERS.{member}");
            let Some(offset) = self.layout.offset_if_any(&member) else { continue };
            let at = frames[1] + offset;
            pointers.push((at + width as u64, parameters + free));
            self.memory.write(at, &[bytes.len() as u8 - 2, 0, bytes.len() as u8, 0]);
            self.memory.write(frames[1] + free, &bytes);
        }
        for (at, value) in pointers {
            self.memory.write(at, &value.to_le_bytes()[..width]);
        }
        let session = wanted.session.unwrap_or(0) as u32;
        if let Some(offset) = self.layout.offset_if_any("_PEB.SessionId") {
            self.memory.write(frames[0] + offset, &session.to_le_bytes());
        }
        self.memory.write(frames[2], b"MZ\x90");
        if wanted.fate == Fate::PagedOut {
            space.map(&mut self.memory, peb, Entry::PagedOut(0x77));
            self.memory.clear(frames[0]);
        }
    }
}
