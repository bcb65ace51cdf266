/// What a banner of each distribution holds, in lower case.
const MARKS: [(&str, &[&str]); 14] = [
    ("ubuntu", &["ubuntu", "buildd@lcy", "buildd@lgw"]),
    ("kali", &["kali"]),
    ("debian", &["debian"]),
    ("amazon", &["amzn", "amazon"]),
    ("oracle", &["uek", "oracle"]),
    ("rocky", &["rockylinux", "rocky"]),
    ("alma", &["almalinux"]),
    ("centos", &["centos"]),
    ("fedora", &["fedoraproject", "fedora"]),
    ("rhel", &["redhat", "red hat"]),
    ("suse", &["suse"]),
    ("arch", &["archlinux", "arch linux"]),
    ("alpine", &["alpine"]),
    ("android", &["android"]),
];

/// The distribution that made a kernel, as far as its banner tells; `other` for any other.
pub(super) fn of(banner: &str) -> &'static str {
    let banner = banner.to_ascii_lowercase();
    let found = MARKS.iter().find(|(_, marks)| marks.iter().any(|mark| banner.contains(mark)));
    found.map_or("other", |(name, _)| name)
}

#[cfg(test)]
mod tests {
    use super::of;

    #[test]
    fn banners_tell_their_distribution() {
        for (banner, expected) in [
            (
                "Linux version 6.1.0-9-amd64 (debian-kernel@lists.debian.org) (gcc-12 (Debian 12.2.0-14))",
                "debian",
            ),
            ("Linux version 5.15.0-91-generic (buildd@lcy02-amd64-045) (gcc (Ubuntu 11.4.0))", "ubuntu"),
            (
                "Linux version 5.14.0-362.el9.x86_64 (mockbuild@iad1-prod-build001.bld.equ.rockylinux.org) (Red Hat)",
                "rocky",
            ),
            ("Linux version 5.14.0-362.el9.x86_64 (mockbuild@x86-vm-08.build.eng.bos.redhat.com)", "rhel"),
            ("Linux version 6.1.61-85.141.amzn2023.x86_64 (mockbuild@ip-10-0-0-1) (gcc (GCC) 11)", "amazon"),
            ("Linux version 6.6.6 (me@home)", "other"),
        ] {
            assert_eq!(of(banner), expected, "{banner}");
        }
    }
}
