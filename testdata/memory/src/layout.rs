//! What the compiler and the linker say of a kernel in name only: `layout.txt` beside it.

use std::collections::HashMap;

/// Offsets, sizes and symbols.
pub struct Layout {
    /// Bytes in a pointer.
    pub pointer: usize,
    numbers: HashMap<String, u64>,
}

impl Layout {
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

    /// Anything else the layout says, such as `build`.
    pub fn number(&self, name: &str) -> u64 {
        *self.numbers.get(name).unwrap_or_else(|| panic!("the layout says nothing of {name}"))
    }
}
