use memchr::memchr;
use profile::Binding;

use crate::MapSymbol;

/// The symbols of a `System.map` or of `/proc/kallsyms`.
///
/// A line is a hexadecimal address, a letter, a name and, in kallsyms, the module's name in brackets. The letters are
/// those of `nm`: a capital letter is a global symbol, `W` and `V` in either case are weak.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SystemMap<'a> {
    /// The kernel's own symbols, in the order of the text.
    pub symbols: Vec<MapSymbol<'a>>,
    /// How many symbols belong to modules. They are left out because their addresses change with every boot.
    pub of_modules: u64,
    /// How many lines are not symbols of the kernel, including lines without an address.
    pub skipped: u64,
    /// The first of these lines, with its number (from 1).
    pub first_skipped: Option<(u64, &'a [u8])>,
    /// The number of digits in the longest address: 16 on a 64-bit system, 8 on a 32-bit one.
    pub digits: usize,
}

impl<'a> SystemMap<'a> {
    /// Reads a map. Any other text gives no symbols, and all its lines count as skipped.
    pub fn parse(text: &'a [u8]) -> Self {
        let mut map = Self::default();
        let text = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text);
        let mut rest = text;
        let mut number = 0;
        while !rest.is_empty() {
            let line;
            (line, rest) = split_at_byte(rest, b'\n');
            number += 1;
            let line = line.trim_ascii();
            match parse_line(line) {
                Some(Line { of_module: true, .. }) => map.of_modules += 1,
                Some(Line { symbol, digits, .. }) => {
                    map.digits = map.digits.max(digits);
                    map.symbols.push(symbol);
                }
                None if line.is_empty() => {}
                None => {
                    map.skipped += 1;
                    map.first_skipped.get_or_insert((number, line));
                }
            }
        }
        map
    }

    /// The address of the first symbol with this name.
    pub fn address(&self, name: &str) -> Option<u64> {
        self.symbols.iter().find(|symbol| symbol.name == name.as_bytes()).map(|symbol| symbol.address)
    }

    /// Whether the kernel hid its addresses from the reader (`kptr_restrict`): all are zero, except a few that other
    /// software may have added.
    pub fn is_hidden(&self) -> bool {
        let zeros = self.symbols.iter().filter(|symbol| symbol.address == 0).count();
        zeros > 0 && zeros >= self.symbols.len() - self.symbols.len() / 10
    }
}

struct Line<'a> {
    symbol: MapSymbol<'a>,
    digits: usize,
    of_module: bool,
}

fn parse_line(line: &[u8]) -> Option<Line<'_>> {
    let (address, rest) = word(line);
    let digits = address.len();
    let address = hexadecimal(address)?;
    let (&[letter], rest) = word(rest) else { return None };
    if !letter.is_ascii_alphabetic() && letter != b'?' {
        return None;
    }
    let (name, rest) = word(rest);
    let of_module = match rest {
        [] => false,
        [b'[', .., b']'] => true,
        _ => return None,
    };
    if name.is_empty() {
        return None;
    }
    let binding = match letter {
        b'W' | b'w' | b'V' | b'v' => Binding::Weak,
        b'u' => Binding::Global,
        _ if letter.is_ascii_uppercase() => Binding::Global,
        _ => Binding::Local,
    };
    let data =
        matches!(letter, b'D' | b'd' | b'B' | b'b' | b'R' | b'r' | b'G' | b'g' | b'S' | b's' | b'V' | b'v');
    Some(Line { symbol: MapSymbol { address, name, binding, data }, digits, of_module })
}

/// The first word of `text`, and the rest without the blanks before it.
fn word(text: &[u8]) -> (&[u8], &[u8]) {
    let end = text.iter().position(|byte| matches!(byte, b' ' | b'\t')).unwrap_or(text.len());
    let (word, rest) = text.split_at(end);
    (word, rest.trim_ascii_start())
}

fn split_at_byte(text: &[u8], byte: u8) -> (&[u8], &[u8]) {
    match memchr(byte, text) {
        Some(end) => (&text[..end], &text[end + 1..]),
        None => (text, &[]),
    }
}

/// A number in hexadecimal digits, with or without `0x`, of at most 64 bits.
pub(crate) fn hexadecimal(digits: &[u8]) -> Option<u64> {
    let digits = digits.strip_prefix(b"0x").unwrap_or(digits);
    if digits.is_empty() || digits.len() > 16 {
        return None;
    }
    // The values of all digits are looked at once, at the end: a map has millions of digits.
    let mut every = 0;
    let number = digits.iter().fold(0u64, |number, digit| {
        let value = VALUES[usize::from(*digit)];
        every |= value;
        number << 4 | u64::from(value & 0xf)
    });
    (every & NOT_A_DIGIT == 0).then_some(number)
}

/// The values of hexadecimal digits, by their bytes.
static VALUES: [u8; 256] = {
    let mut values = [NOT_A_DIGIT; 256];
    let mut value = 0;
    while value < 16 {
        let digits = [b"0123456789abcdef", b"0123456789ABCDEF"];
        values[digits[0][value] as usize] = value as u8;
        values[digits[1][value] as usize] = value as u8;
        value += 1;
    }
    values
};
const NOT_A_DIGIT: u8 = 0x80;

#[cfg(test)]
mod tests {
    use super::*;

    fn symbol(address: u64, name: &str, letter: char, binding: Binding) -> MapSymbol<'_> {
        MapSymbol { address, name: name.as_bytes(), binding, data: matches!(letter, 'd' | 'v') }
    }

    #[test]
    fn letters_give_the_binding() {
        let map = SystemMap::parse(
            b"ffffffff81000000 T _text\nffffffff81000010 t local\nffffffff81000020 W weak\n\
              ffffffff81000030 v soft\n0000000000004000 A gdt_page\nffffffff81000040 ? odd\n",
        );
        assert_eq!(
            map.symbols,
            [
                symbol(0xffff_ffff_8100_0000, "_text", 't', Binding::Global),
                symbol(0xffff_ffff_8100_0010, "local", 't', Binding::Local),
                symbol(0xffff_ffff_8100_0020, "weak", 'w', Binding::Weak),
                symbol(0xffff_ffff_8100_0030, "soft", 'v', Binding::Weak),
                symbol(0x4000, "gdt_page", 'a', Binding::Global),
                symbol(0xffff_ffff_8100_0040, "odd", '?', Binding::Local),
            ]
        );
        assert_eq!((map.digits, map.skipped), (16, 0));
        assert_eq!(map.address("weak"), Some(0xffff_ffff_8100_0020));
        assert!(!map.is_hidden());
    }

    #[test]
    fn modules_undefined_symbols_and_rubbish_are_left_out_and_counted() {
        let map = SystemMap::parse(
            b"\xef\xbb\xbfc0101000 T _text\r\n\r\nc0000000 t mod_fn\t[ext4]\r\n         U undefined\r\nbadline\r\n\
              c0101004 T two words here",
        );
        assert_eq!(map.symbols, [symbol(0xc010_1000, "_text", 't', Binding::Global)]);
        assert_eq!((map.of_modules, map.skipped, map.digits), (1, 3, 8));
        assert_eq!(map.first_skipped, Some((4, &b"U undefined"[..])));
    }

    #[test]
    fn hidden_addresses_are_noticed() {
        assert!(SystemMap::parse(b"0000000000000000 T _text\n0000000000000000 D init_task\n").is_hidden());
        assert!(!SystemMap::parse(b"").is_hidden());
    }

    #[test]
    fn addresses_wider_than_64_bits_are_not_addresses() {
        assert_eq!(hexadecimal(b"0xffffffffffffffff"), Some(u64::MAX));
        assert_eq!(hexadecimal(b"10000000000000000"), None);
        assert_eq!(hexadecimal(b""), None);
        assert_eq!(hexadecimal(b"12g"), None);
    }
}
