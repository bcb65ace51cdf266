//! Addresses as users write them.

/// Reads a number, decimal or hexadecimal with 0x.
pub fn address(text: &str) -> Result<u64, String> {
    let digits = text.strip_prefix("0x").or_else(|| text.strip_prefix("0X"));
    match digits {
        Some(digits) => u64::from_str_radix(digits, 16),
        None => text.parse(),
    }
    .map_err(|_| "expected a number, decimal or hexadecimal with 0x".to_owned())
}
