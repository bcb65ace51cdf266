use std::fmt;
use std::str::FromStr;

/// An address in the machine's physical memory, in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PhysicalAddress(pub u64);

/// An address as the machine's programs see it, in bytes. On 64-bit machines the unused upper bits repeat the highest
/// used one (`0xfffff80000000000`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct VirtualAddress(pub u64);

/// Why a text is not an address.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("'{0}' is not an address, expected hexadecimal digits after 0x, or a decimal number")]
pub struct AddressError(pub String);

macro_rules! address {
    ($name:ident) => {
        impl $name {
            /// The address `bytes` further on; `None` beyond the last one.
            pub fn checked_add(self, bytes: u64) -> Option<Self> {
                self.0.checked_add(bytes).map(Self)
            }

            /// The address `bytes` before; `None` below zero.
            pub fn checked_sub(self, bytes: u64) -> Option<Self> {
                self.0.checked_sub(bytes).map(Self)
            }
        }

        impl fmt::Display for $name {
            /// Hexadecimal after `0x`.
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{:#x}", self.0)
            }
        }

        impl FromStr for $name {
            type Err = AddressError;

            /// Accepts hexadecimal after `0x` in any case, optionally with the back-tick of Windows debuggers between
            /// the halves; decimal otherwise.
            fn from_str(text: &str) -> Result<Self, AddressError> {
                parse(text).map(Self).ok_or_else(|| AddressError(text.to_owned()))
            }
        }
    };
}

address!(PhysicalAddress);
address!(VirtualAddress);

fn parse(text: &str) -> Option<u64> {
    let Some(digits) = text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) else {
        // A leading sign is not a digit.
        return if text.starts_with('+') { None } else { text.parse().ok() };
    };
    let digits = digits.replacen('`', "", 1);
    if digits.starts_with('+') { None } else { u64::from_str_radix(&digits, 16).ok() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prints_what_it_parses() {
        for value in [0, 9, 0xfffff804_7c6161c0, u64::MAX] {
            let address = VirtualAddress(value);
            assert_eq!(address.to_string().parse(), Ok(address));
        }
        assert_eq!(PhysicalAddress(0x1ad000).to_string(), "0x1ad000");
    }

    #[test]
    fn accepts_the_spellings_in_use() {
        for (text, value) in
            [("0x1AD000", 0x1ad000), ("1757184", 0x1ad000), ("0xfffff804`7c6161c0", 0xfffff804_7c6161c0)]
        {
            assert_eq!(text.parse(), Ok(PhysicalAddress(value)));
        }
    }

    #[test]
    fn refuses_other_texts_than_addresses() {
        for text in ["", "0x", "1ad000", "+1", "0x+1", "-1", "0x1`2`3", "0x10000000000000000"] {
            assert_eq!(text.parse::<VirtualAddress>(), Err(AddressError(text.to_owned())));
        }
    }
}
