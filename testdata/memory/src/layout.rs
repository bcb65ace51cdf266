//! The layout of a kernel in name only, according to its compiler and linker: `layout.txt` next to it.

use std::collections::HashMap;

/// Offsets, sizes and symbols.
pub struct Layout {
    /// Bytes in a pointer.
    pub pointer: usize,
    numbers: HashMap<String, u64>,
}

impl Layout {
    /// What a Volatility 3 table (ISF) says of a kernel, by the names that `build` uses.
    pub fn of_isf(table: &serde_json::Value, build: u32) -> Self {
        let mut numbers = HashMap::new();
        let entries = |value: &'static str| table[value].as_object().into_iter().flatten();
        for (name, symbol) in entries("symbols") {
            numbers.insert(format!("symbol {name}"), symbol["address"].as_u64().expect("an address"));
        }
        for (name, record) in entries("user_types") {
            numbers.insert(format!("size {name}"), record["size"].as_u64().expect("a size"));
            for (member, field) in record["fields"].as_object().into_iter().flatten() {
                let offset = field["offset"].as_u64().expect("an offset");
                numbers.insert(format!("offset {name}.{member}"), offset);
            }
        }
        numbers.insert("build".to_owned(), build.into());
        let pointer = table["base_types"]["pointer"]["size"].as_u64().expect("the size of a pointer");
        Self { pointer: pointer as usize, numbers }
    }

    /// Reads lines of a kind, a name and a number, as `build` writes them.
    pub fn parse(text: &str) -> Self {
        let mut numbers = HashMap::new();
        for line in text.lines() {
            let words: Vec<_> = line.split(' ').collect();
            match words[..] {
                [name, number] => numbers.insert(name.to_owned(), number.parse().expect("a number")),
                ["symbol", name, number] => numbers
                    .insert(format!("symbol {name}"), u64::from_str_radix(number, 16).expect("a number")),
                [kind, name, number] => {
                    numbers.insert(format!("{kind} {name}"), number.parse().expect("a number"))
                }
                _ => panic!("not a line of a layout: {line}"),
            };
        }
        Self { pointer: numbers["bits"] as usize / 8, numbers }
    }

    /// The offset of `STRUCT.MEMBER`.
    pub fn offset(&self, member: &str) -> u64 {
        self.number(&format!("offset {member}"))
    }

    /// The size of a struct.
    pub fn size(&self, name: &str) -> u64 {
        self.number(&format!("size {name}"))
    }

    /// The address of a symbol: from the base of a PE, as linked in a Mach-O.
    pub fn symbol(&self, name: &str) -> u64 {
        self.number(&format!("symbol {name}"))
    }

    /// The offset of `STRUCT.MEMBER`, if the kernel has it.
    pub fn offset_if_any(&self, member: &str) -> Option<u64> {
        self.numbers.get(&format!("offset {member}")).copied()
    }

    /// The size of a struct, if the kernel has it.
    pub fn size_if_any(&self, name: &str) -> Option<u64> {
        self.numbers.get(&format!("size {name}")).copied()
    }

    /// The address of a symbol, if the kernel has it.
    pub fn symbol_if_any(&self, name: &str) -> Option<u64> {
        self.numbers.get(&format!("symbol {name}")).copied()
    }

    /// The struct of a loaded module, which has had two names.
    pub fn module_entry(&self) -> &'static str {
        let newer = "_KLDR_DATA_TABLE_ENTRY";
        if self.offset_if_any(&format!("{newer}.DllBase")).is_some() {
            newer
        } else {
            "_LDR_DATA_TABLE_ENTRY"
        }
    }

    /// The symbol with the highest address: how far a kernel reaches.
    pub fn last_symbol(&self) -> u64 {
        let symbols = self.numbers.iter().filter(|(name, _)| name.starts_with("symbol "));
        symbols.map(|(_, address)| *address).max().unwrap_or(0)
    }

    /// Anything else the layout says, such as `build`.
    pub fn number(&self, name: &str) -> u64 {
        *self.numbers.get(name).unwrap_or_else(|| panic!("the layout says nothing of {name}"))
    }
}
