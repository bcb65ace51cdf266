use crate::{Age, Choice, Format, encode};

/// A small kernel: a banner, notes, a description of types, and a table of its symbols. There is no code in it.
#[derive(Clone, Debug)]
pub struct Kernel {
    /// Where it is linked.
    pub base: u64,
    /// Its bytes from there on.
    pub memory: Vec<u8>,
    /// Its symbols: kind letter with name, and address.
    pub symbols: Vec<(String, u64)>,
    format: Format,
}

/// Its own first line.
const BANNER: &str = "Linux version 6.6.7-test (me@home) (gcc 13.2.0) #1 SMP\n";
/// The content of its build-id.
const BUILD_ID: [u8; 20] =
    *b"\x01\x23\x45\x67\x89\xab\xcd\xef\x01\x23\x45\x67\x89\xab\xcd\xef\x01\x23\x45\x67";

const BANNER_AT: u64 = 0x10_0000;
const NOTES_AT: u64 = 0x10_1000;
const TYPES_AT: u64 = 0x10_2010;

impl Kernel {
    /// Where an arm64 kernel keeps its page tables, from its base on; there is nothing in its file.
    pub const PAGE_TABLES: u64 = 0x40_0000;

    /// The kernel of an age, linked at `base`. An arm64 kernel `fills_in_its_base` when it is started.
    pub fn new(age: Age, choice: Choice, base: u64, types: &[u8], fills_in_its_base: bool) -> Self {
        let format = Format { big_endian: false, pointer: 8 };
        let mut notes = Vec::new();
        for word in [4_u32, 20, 3] {
            notes.extend(word.to_le_bytes());
        }
        notes.extend(b"GNU\0");
        notes.extend(BUILD_ID);
        let named = [
            ("T_text", 0),
            ("T_stext", 0),
            ("Dlinux_banner", BANNER_AT),
            ("R__start_notes", NOTES_AT),
            ("R__stop_notes", NOTES_AT + notes.len() as u64),
            ("R__start_BTF", TYPES_AT),
            ("R__stop_BTF", TYPES_AT + types.len() as u64),
            ("B_end", 0x80_0000),
        ];
        let code = (0..1200_u64).map(|number| (format!("tfunction_{number}"), base + 0x100 + number * 0x40));
        // The addresses of the kernels of PCs begin with 32 ones.
        let of_arm64 = [("Bswapper_pg_dir", Self::PAGE_TABLES), ("Tprimary_entry", 0x80)];
        let of_arm64 = of_arm64.into_iter().filter(|_| base >> 31 != 0x1_ffff_ffff);
        let named = named.into_iter().chain(of_arm64);
        let named = named.map(|(name, offset)| (name.to_owned(), base + offset));
        let mut symbols: Vec<(String, u64)> = named.chain(code).collect();
        symbols.sort_by_key(|(_, address)| *address);
        let mut memory = vec![0xcc; TYPES_AT as usize];
        let mut put = |at: u64, bytes: &[u8]| memory[at as usize..][..bytes.len()].copy_from_slice(bytes);
        put(BANNER_AT, BANNER.as_bytes());
        put(BANNER_AT + BANNER.len() as u64, &[0]);
        put(NOTES_AT, &notes);
        memory.extend(types);
        memory.resize(memory.len().next_multiple_of(0x1000), 0);
        let at = memory.len() as u64;
        let from_place = if age == Age::V7_0 { base + at } else { 0 };
        let mut table = encode(age, choice, format, &symbols, base + at, from_place).bytes;
        if fills_in_its_base && age < Age::V7_0 {
            let place = table.windows(8).rposition(|word| word == base.to_le_bytes()).expect("the base");
            table[place..place + 8].fill(0);
        }
        memory.extend(table);
        memory.resize(memory.len().next_multiple_of(0x1000), 0);
        // A kernel that relocates itself keeps where its pointers lead: what tells where it is linked.
        for number in 0..512_u64 {
            memory.extend((base + number * 8).to_le_bytes());
        }
        Self { base, memory, symbols, format }
    }

    /// As an ELF file with one segment and no sections, as `vmlinux` is once it was stripped of both.
    pub fn elf(&self, machine: u16) -> Vec<u8> {
        assert!(self.format.pointer == 8 && !self.format.big_endian);
        const HEADER: u64 = 64;
        const START: u64 = 0x1000;
        let mut file = b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0".to_vec();
        let half = |file: &mut Vec<u8>, value: u16| file.extend(value.to_le_bytes());
        half(&mut file, 2);
        half(&mut file, machine);
        file.extend(1_u32.to_le_bytes());
        for word in [self.base, HEADER, 0] {
            file.extend(word.to_le_bytes());
        }
        file.extend(0_u32.to_le_bytes());
        for value in [64, 56, 1, 64, 0, 0] {
            half(&mut file, value);
        }
        file.extend(1_u32.to_le_bytes());
        file.extend(5_u32.to_le_bytes());
        let size = self.memory.len() as u64;
        for word in [START, self.base, 0x100_0000, size, size, 0x1000] {
            file.extend(u64::to_le_bytes(word));
        }
        file.resize(START as usize, 0);
        file.extend(&self.memory);
        file
    }

    /// As an arm64 Image: the memory itself, with the header over its first bytes.
    pub fn arm64_image(&self) -> Vec<u8> {
        let mut file = self.memory.clone();
        file[..0x40].fill(0);
        file[0x38..0x3c].copy_from_slice(b"ARM\x64");
        file
    }
}
