//! The texts of thousands of records in little memory.

use std::sync::OnceLock;

/// A few texts, packed: digits of hashes and GUIDs take half of their room, and words that nearly every record has take
/// two bytes. Equal texts give equal bytes within one process.
///
/// UTF-8 has no bytes above 0xf4, so these mark what is packed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct PackedTexts(Box<[u8]>);

/// The number of pairs and the pairs of lower-case hexadecimal digits follow.
const LOWER: u8 = 0xff;
/// The same, for upper-case digits.
const UPPER: u8 = 0xfe;
/// The position of one of the [`words`] follows.
const WORD: u8 = 0xfd;
/// The text ends.
const END: u8 = 0xfc;

/// Runs of fewer digits are kept as they are.
const SHORTEST_RUN: usize = 8;

impl PackedTexts {
    pub(crate) fn new<'a>(texts: impl IntoIterator<Item = &'a str>) -> Self {
        let mut packed = Vec::with_capacity(160);
        pack_texts(texts, &mut packed);
        Self(packed.into_boxed_slice())
    }

    /// The texts, in their order.
    pub(crate) fn texts(&self) -> impl Iterator<Item = String> {
        packed_texts(&self.0)
    }
}

/// Packs texts behind what is packed already.
pub(crate) fn pack_texts<'a>(texts: impl IntoIterator<Item = &'a str>, packed: &mut Vec<u8>) {
    for text in texts {
        pack(text, packed);
        packed.push(END);
    }
}

/// The texts that were packed into these bytes, in their order.
pub(crate) fn packed_texts(packed: &[u8]) -> impl Iterator<Item = String> {
    let mut rest = packed;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let mut text = String::new();
        while let [first, after @ ..] = rest {
            rest = match (*first, after) {
                (END, _) => {
                    rest = after;
                    break;
                }
                (WORD, [word, after @ ..]) => {
                    text.push_str(words().get(usize::from(*word)).copied().unwrap_or_default());
                    after
                }
                (case @ (LOWER | UPPER), [pairs, after @ ..]) => {
                    let (digits, after) = after.split_at(after.len().min(usize::from(*pairs)));
                    push_digits(digits, case == UPPER, &mut text);
                    after
                }
                _ => {
                    let plain = rest.iter().take_while(|byte| **byte < END).count().max(1);
                    let (plain, after) = rest.split_at(plain);
                    text.push_str(&String::from_utf8_lossy(plain));
                    after
                }
            };
        }
        Some(text)
    })
}

fn push_digits(bytes: &[u8], upper: bool, text: &mut String) {
    for nibble in bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]) {
        let digit = char::from_digit(u32::from(nibble), 16).unwrap_or('0');
        text.push(if upper { digit.to_ascii_uppercase() } else { digit });
    }
}

fn pack(text: &str, packed: &mut Vec<u8>) {
    if let Some(word) = words().iter().position(|word| *word == text)
        && let Ok(word) = u8::try_from(word)
    {
        packed.extend([WORD, word]);
        return;
    }
    let mut rest = text.as_bytes();
    while let [first, after @ ..] = rest {
        let run = |case: fn(&u8) -> bool| {
            rest.iter().take_while(|byte| byte.is_ascii_digit() || case(byte)).count().min(510)
        };
        let lower = run(|byte| matches!(byte, b'a'..=b'f'));
        let upper = run(|byte| matches!(byte, b'A'..=b'F'));
        let length = lower.max(upper);
        if length < SHORTEST_RUN {
            let (plain, after) =
                if length == 0 { (std::slice::from_ref(first), after) } else { rest.split_at(length) };
            packed.extend(plain);
            rest = after;
            continue;
        }
        let (digits, after) = rest.split_at(length & !1);
        packed.extend([if lower >= upper { LOWER } else { UPPER }, (digits.len() / 2) as u8]);
        let value = |digit: u8| char::from(digit).to_digit(16).unwrap_or(0) as u8;
        packed.extend(digits.as_chunks::<2>().0.iter().map(|[high, low]| value(*high) << 4 | value(*low)));
        rest = after;
    }
}

/// What nearly every record says: verdicts and front-ends.
fn words() -> &'static [&'static str] {
    static WORDS: OnceLock<Vec<&'static str>> = OnceLock::new();
    WORDS.get_or_init(|| {
        let mut words = vec![
            profile::Verdict::Complete.name(),
            profile::Verdict::SymbolsOnly.name(),
            profile::Verdict::Failed.name(),
            kernel_converter::GENERATOR,
        ];
        words.extend(converters::FRONT_ENDS.iter().map(|front_end| front_end.generator()));
        words
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_come_out_as_they_were_put_in() {
        let digits = "0123456789abcdef".repeat(80);
        let texts = [
            "",
            "complete",
            "ntkrnlmp.pdb/F8E2A8B5C9B74BF4A6E4A48F180099941A",
            "a1b2c3d4e5f60718293",
            "A1B2C3D4E5F60718a9",
            "1234567",
            "12345678",
            "debian/pool/l/linux_6.1_amd64.deb sha256:00ff00ff00ff00ff",
            "Größe 🙂 deadbeefdeadbeef",
            &digits,
            "",
        ];
        let packed = PackedTexts::new(texts);
        assert_eq!(packed.texts().collect::<Vec<_>>(), texts);
        assert_eq!(packed, PackedTexts::new(texts));
        assert_eq!(PackedTexts::new([]).texts().count(), 0);
    }

    #[test]
    fn a_hash_takes_half_of_its_digits_and_a_verdict_two_bytes() {
        let packed = PackedTexts::new(["0123456789abcdef".repeat(4).as_str(), "complete"]);
        assert_eq!(packed.0.len(), (2 + 32 + 1) + (2 + 1));
    }
}
