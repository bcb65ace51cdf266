/// The kernel release in a path: the part after `System.map-`, `config-`, `linux-headers-`, `vmlinux-` and similar
/// prefixes, or the name of the folder below `/lib/modules/` or `/usr/src/kernels/`.
///
/// A word after such a prefix that does not begin with a digit (`System.map-new`) is not a release. Endings that a
/// distribution adds to its headers' name (`-common`, or `-x86_64` in Red Hat's `2.6.18-194.el5-i686`) are kept.
pub fn release_in_path(path: &str) -> Option<&str> {
    const BEFORE_NAME: [&str; 9] = [
        "System.map-",
        "system.map-",
        "kallsyms-",
        "config-",
        "linux-headers-",
        "linux-source-",
        "vmlinux-",
        "vmlinuz-",
        "kernel-",
    ];
    const BEFORE_FOLDER: [&str; 3] = ["/lib/modules/", "/usr/src/kernels/", "/usr/src/linux-"];
    let behind = |prefix: &str| {
        let (_, rest) = path.rsplit_once(prefix)?;
        let name = rest.split(['/', '\\']).next()?;
        (name.starts_with(|first: char| first.is_ascii_digit()) && name.contains('.')).then_some(name)
    };
    BEFORE_NAME.iter().chain(&BEFORE_FOLDER).find_map(|prefix| behind(prefix))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_paths_of_real_packs() {
        assert_eq!(release_in_path("boot/System.map-3.2.0-4-amd64"), Some("3.2.0-4-amd64"));
        assert_eq!(release_in_path("/usr/src/linux-headers-3.11.0-12-generic/"), Some("3.11.0-12-generic"));
        assert_eq!(release_in_path("/usr/src/kernels/2.6.18-194.el5-i686"), Some("2.6.18-194.el5-i686"));
        assert_eq!(release_in_path("/lib/modules/4.4.0/build"), Some("4.4.0"));
        assert_eq!(release_in_path("boot/System.map-new"), None);
        assert_eq!(release_in_path("System.map-1"), None);
        assert_eq!(release_in_path("/home/cl/goldfish"), None);
    }
}
