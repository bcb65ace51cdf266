//! The details of Python 2.7 that are visible in Rekall's text.

/// The keys of a dict in the order in which Python 2.7 (64 bits, without hash randomisation) returns them: the order
/// of the slots in its hash table.
pub(super) struct Dict<'a, T> {
    slots: Vec<Option<(&'a [u8], T)>>,
    used: usize,
}

impl<'a, T> Dict<'a, T> {
    pub(super) fn new() -> Self {
        Self { slots: (0..8).map(|_| None).collect(), used: 0 }
    }

    pub(super) fn insert(&mut self, key: &'a [u8], value: T) {
        let slot = self.slot(key);
        let Some(entry) = self.slots.get_mut(slot) else { return };
        if entry.is_none() {
            self.used += 1;
        }
        *entry = Some((key, value));
        if self.used * 3 >= self.slots.len() * 2 {
            let wanted = self.used * if self.used > 50_000 { 2 } else { 4 };
            let mut size = 8;
            while size <= wanted {
                size *= 2;
            }
            let old = std::mem::replace(&mut self.slots, (0..size).map(|_| None).collect());
            for (key, value) in old.into_iter().flatten() {
                let slot = self.slot(key);
                if let Some(entry) = self.slots.get_mut(slot) {
                    *entry = Some((key, value));
                }
            }
        }
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &(&'a [u8], T)> {
        self.slots.iter().flatten()
    }

    /// The slot of a key, or the free slot for it.
    fn slot(&self, key: &[u8]) -> usize {
        let mask = self.slots.len() as u64 - 1;
        let mut perturb = hash(key) as u64;
        let mut slot = perturb & mask;
        // The table always has a free slot, and the probe sequence reaches every slot.
        loop {
            match self.slots.get(slot as usize) {
                Some(Some((held, _))) if *held != key => {}
                _ => return slot as usize,
            }
            slot = (slot << 2).wrapping_add(slot).wrapping_add(perturb).wrapping_add(1) & mask;
            perturb >>= 5;
        }
    }
}

fn hash(text: &[u8]) -> i64 {
    let Some(first) = text.first() else { return 0 };
    let mut hash = i64::from(*first) << 7;
    for byte in text {
        hash = hash.wrapping_mul(1_000_003) ^ i64::from(*byte);
    }
    match hash ^ text.len() as i64 {
        -1 => -2,
        hash => hash,
    }
}

/// `int(text, base)` with base 10 or 16: surrounding blanks are allowed, and `0x` with base 16.
pub(super) fn integer(text: &[u8], base: u32) -> Option<i128> {
    let text = str::from_utf8(text).ok()?.trim();
    let (negative, digits) = match text.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let digits = match base {
        16 => digits.strip_prefix("0x").or_else(|| digits.strip_prefix("0X")).unwrap_or(digits),
        _ => digits,
    };
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
        return None;
    }
    let number = i128::from_str_radix(digits, base).ok()?;
    Some(if negative { -number } else { number })
}

/// A kernel configuration as Rekall reads it: lines with exactly one `=` that are not comments, sorted, the last of
/// each option.
pub(super) fn config(text: &[u8]) -> Vec<(Vec<u8>, Vec<u8>)> {
    let mut options = std::collections::BTreeMap::new();
    for line in text.split(|byte| *byte == b'\n') {
        let line = line.trim_ascii();
        if line.first() == Some(&b'#') {
            continue;
        }
        let mut parts = line.split(|byte| *byte == b'=');
        if let (Some(option), Some(value), None) = (parts.next(), parts.next(), parts.next()) {
            options.insert(bare(option), bare(value));
        }
    }
    options.into_iter().collect()
}

/// Without blanks, then without quotes.
fn bare(text: &[u8]) -> Vec<u8> {
    let mut text = text.trim_ascii();
    for quote in [b'"', b'\''] {
        while let Some(rest) = text.strip_prefix(&[quote]) {
            text = rest;
        }
        while let Some(rest) = text.strip_suffix(&[quote]) {
            text = rest;
        }
    }
    text.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashes_and_order_are_those_of_python_2_7() {
        // python2.7 -c "print(hash('a'), hash('PIDTYPE_PID'))"
        assert_eq!(hash(b"a"), 12416037344);
        assert_eq!(hash(b"PIDTYPE_PID"), 3263576394931316886);
        let mut dict = Dict::new();
        for key in ["one", "two", "three", "four", "five", "six", "seven"] {
            dict.insert(key.as_bytes(), ());
        }
        let order: Vec<&str> = dict.iter().map(|(key, ())| str::from_utf8(key).unwrap()).collect();
        // python2.7 -c "d={}; [d.__setitem__(k,1) for k in 'one two three four five six seven'.split()]; print(d.keys())"
        assert_eq!(order, ["seven", "six", "three", "two", "four", "five", "one"]);
    }

    #[test]
    fn integers() {
        assert_eq!(integer(b"0x10", 16), Some(16));
        assert_eq!(integer(b"10 ", 16), Some(16));
        assert_eq!(integer(b"0x10", 10), None);
        assert_eq!(integer(b"-1", 10), Some(-1));
        assert_eq!(integer(b"", 10), None);
    }
}
