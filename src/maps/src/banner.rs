/// The line with which a Linux kernel identifies itself, as in `/proc/version` and at `linux_banner`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Banner {
    /// The whole line, without a line end.
    pub text: String,
    /// The release in it (`6.1.0-13-amd64`).
    pub release: String,
}

/// How long a banner may be; the longest seen have some 250 characters.
const LONGEST: usize = 1024;

impl Banner {
    /// The first banner in a text: `Linux version `, a release, the builder in parentheses and what follows, up to
    /// the end of the line or a NUL. The format string in the kernel's sources (`Linux version %s`) is not a banner.
    pub fn find(text: &[u8]) -> Option<Self> {
        const START: &[u8] = b"Linux version ";
        for start in memchr::memmem::find_iter(text, START) {
            let rest = text.get(start..)?;
            let rest = rest.get(..LONGEST).unwrap_or(rest);
            let end = rest.iter().position(|byte| matches!(byte, b'\n' | b'\r' | 0)).unwrap_or(rest.len());
            let Ok(line) = str::from_utf8(rest.get(..end)?) else { continue };
            let release = line.get(START.len()..)?.split(' ').next()?;
            if release.starts_with(|first: char| first.is_ascii_digit()) && line.contains('(') {
                return Some(Self { text: line.to_owned(), release: release.to_owned() });
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_format_string_is_not_a_banner() {
        let text = b"x\0Linux version %s (%s)\0Linux version 6.1.0-13-amd64 (d@d.org) (gcc-12) #1 SMP\n\0";
        let banner = Banner::find(text).unwrap();
        assert_eq!(banner.release, "6.1.0-13-amd64");
        assert_eq!(banner.text, "Linux version 6.1.0-13-amd64 (d@d.org) (gcc-12) #1 SMP");
        assert_eq!(Banner::find(b"Linux version "), None);
        assert_eq!(Banner::find(b"Linux version 2.6.1"), None);
    }
}
