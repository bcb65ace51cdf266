use std::collections::BTreeMap;

use profile::Arch;

/// A kernel's configuration: the file `.config`, or `config-<release>` beside the kernel.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KernelConfig {
    /// Every option that is set, with its value: `y`, `m`, a number, or a string without its quotes.
    pub options: BTreeMap<String, String>,
    /// The release in its first lines (`# Linux/x86_64 3.10.0-229.el7.x86_64 Kernel Configuration`).
    pub release: Option<String>,
    /// How many lines are neither options nor comments.
    pub skipped: u64,
}

impl KernelConfig {
    /// Reads a configuration. Any other text gives no options, and all its lines count as skipped.
    pub fn parse(text: &[u8]) -> Self {
        let mut config = Self::default();
        for line in text.split(|byte| *byte == b'\n') {
            let line = String::from_utf8_lossy(line.trim_ascii());
            if let Some(comment) = line.strip_prefix('#') {
                config.release = config.release.or_else(|| release_in_comment(comment));
                continue;
            }
            match line.split_once('=') {
                Some((option, value)) if is_option(option.trim()) => {
                    let value = value.trim();
                    let quoted = value.strip_prefix('"').and_then(|value| value.strip_suffix('"'));
                    let value = quoted.unwrap_or(value).to_owned();
                    config.options.insert(option.trim().to_owned(), value);
                }
                _ if line.is_empty() => {}
                _ => config.skipped += 1,
            }
        }
        config
    }

    /// The architecture that it configures.
    pub fn arch(&self) -> Option<Arch> {
        const OPTIONS: [(&str, Arch, Arch); 7] = [
            ("CONFIG_X86_64", Arch::Amd64, Arch::Amd64),
            ("CONFIG_X86", Arch::I386, Arch::Amd64),
            ("CONFIG_ARM64", Arch::Arm64, Arch::Arm64),
            ("CONFIG_ARM", Arch::Arm, Arch::Arm),
            ("CONFIG_MIPS", Arch::Mips, Arch::Mips64),
            ("CONFIG_PPC", Arch::Ppc, Arch::Ppc64),
            ("CONFIG_S390", Arch::S390x, Arch::S390x),
        ];
        let wide = self.is_set("CONFIG_64BIT") || self.is_set("CONFIG_CPU_MIPS64");
        // The marker by which Rekall recognises MIPS in a shortened configuration.
        if self.is_set("CONFIG_CPU_MIPS32") {
            return Some(Arch::Mips);
        }
        let found = OPTIONS.iter().find(|(option, ..)| self.is_set(option));
        found.map(|(_, narrow_arch, wide_arch)| if wide { *wide_arch } else { *narrow_arch })
    }

    /// Whether an option is built in.
    pub fn is_set(&self, option: &str) -> bool {
        self.options.get(option).is_some_and(|value| value == "y")
    }
}

fn is_option(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

/// ` Linux/x86_64 3.10.0 Kernel Configuration`, ` Linux kernel version: 2.6.18`.
fn release_in_comment(comment: &str) -> Option<String> {
    let comment = comment.trim();
    if let Some(release) = comment.strip_prefix("Linux kernel version: ") {
        return Some(release.trim().to_owned());
    }
    let (_, rest) = comment.strip_prefix("Linux/")?.split_once(' ')?;
    Some(rest.strip_suffix(" Kernel Configuration")?.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_options_that_are_set_are_listed() {
        let config = KernelConfig::parse(
            b"#\n# Linux/x86_64 3.10.0-229.el7 Kernel Configuration\n#\nCONFIG_X86_64=y\r\n\
              # CONFIG_X86_PAE is not set\nCONFIG_HZ=250\nCONFIG_DEFAULT_HOSTNAME=\"(none)\"\n\
              CONFIG_CMDLINE=\"root=/dev/sda a=b\"\nrubbish\n",
        );
        let expected = [
            ("CONFIG_CMDLINE", "root=/dev/sda a=b"),
            ("CONFIG_DEFAULT_HOSTNAME", "(none)"),
            ("CONFIG_HZ", "250"),
            ("CONFIG_X86_64", "y"),
        ];
        let found: Vec<_> =
            config.options.iter().map(|(option, value)| (option.as_str(), value.as_str())).collect();
        assert_eq!(found, expected);
        assert_eq!(config.release.as_deref(), Some("3.10.0-229.el7"));
        assert_eq!(config.skipped, 1);
        assert!(config.is_set("CONFIG_X86_64") && !config.is_set("CONFIG_HZ"));
        assert_eq!(config.arch(), Some(Arch::Amd64));
        assert_eq!(KernelConfig::parse(b"CONFIG_X86=y\nCONFIG_X86_32=y\n").arch(), Some(Arch::I386));
        assert_eq!(KernelConfig::parse(b"CONFIG_HZ=250\n").arch(), None);
    }
}
