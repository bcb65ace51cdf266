//! Generated profile texts: the same on every machine, of any length.

use std::fmt::Write;

const WORDS: [&str; 24] = [
    "Alloc", "Process", "Thread", "List", "Entry", "Lock", "Page", "Cache", "Object", "Handle", "Token",
    "Security", "Device", "Driver", "Queue", "Timer", "Mutex", "Event", "Section", "Vad", "Pool", "Io", "Mm",
    "Ob",
];

const TYPES: [&str; 6] = [
    r#"["unsigned long", {}]"#,
    r#"["unsigned short", {}]"#,
    r#"["_LIST_ENTRY"]"#,
    r#"["Pointer", {"target": "Void"}]"#,
    r#"["BitField", {"end_bit": 3, "start_bit": 1, "target": "unsigned long"}]"#,
    r#"["Array", {"count": 16, "target": "unsigned char"}]"#,
];

/// The first `length` bytes of an endless text in a profile's layout, alternating constants and structs.
pub fn profile(length: usize) -> Vec<u8> {
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    let mut text = String::from("{\n");
    while text.len() < length {
        for _ in 0..random.below(40) {
            let value = random.below(1 << 22);
            writeln!(text, "  \"{}\": {value}, ", random.name()).unwrap();
        }
        writeln!(text, "  \"_{}\": [{}, {{", random.name(), random.below(2000)).unwrap();
        for member in 0..random.below(30) {
            let target = random.of(&TYPES);
            writeln!(text, "   \"{}\": [{}, {target}], ", random.name(), member * 8).unwrap();
        }
        writeln!(text, "  }}], ").unwrap();
    }
    text.truncate(length);
    text.into_bytes()
}

/// Knuth's MMIX generator; its high bits are the good ones.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % limit
    }

    fn of<'a>(&mut self, choices: &[&'a str]) -> &'a str {
        choices[self.below(choices.len() as u64) as usize]
    }

    fn name(&mut self) -> String {
        (0..=self.below(3)).map(|_| self.of(&WORDS)).collect()
    }
}
