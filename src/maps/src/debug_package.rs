use std::fmt;

use crate::Banner;

/// The package that holds a kernel's debug information, derived from the kernel's banner.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DebugPackage {
    /// The distribution that built the kernel.
    pub distribution: &'static str,
    /// The package's name, without the version and architecture that its file name may add. `None` if the
    /// distribution does not publish one.
    pub package: Option<String>,
    /// Where to get it.
    pub place: &'static str,
}

impl DebugPackage {
    /// Derives the package from the builder and the release in a banner.
    pub fn of(banner: &Banner) -> Option<Self> {
        let Banner { text, release } = banner;
        let of =
            |distribution, package: String, place| Some(Self { distribution, package: Some(package), place });
        let has = |word: &str| text.contains(word);
        // Releases of Red Hat and its derivatives contain a word for the distribution between dots.
        let part = |start: &str| release.split('.').any(|part| part.starts_with(start));
        // The compiler's version names a distribution too, which need not have built the kernel. The kernel's own version
        // follows the number of the build (`#1 SMP ... Debian 6.1.192-2`, `#101-Ubuntu SMP`); until Debian 6 it was before
        // the builder.
        let version = text.rsplit_once(" #").map_or("", |(_, version)| version);
        let after_release = text.split_once(release.as_str()).map_or("", |(_, rest)| rest);
        let by_debian = version.contains(" Debian ") || after_release.starts_with(" (Debian ");
        if has("@lists.debian.org") || by_debian {
            return of(
                "Debian",
                format!("linux-image-{release}-dbg"),
                "Debian's archive, or its snapshots for an older kernel",
            );
        }
        if version.split(' ').next().is_some_and(|number| number.ends_with("-Ubuntu")) {
            let package = format!("linux-image-unsigned-{release}-dbgsym");
            return of(
                "Ubuntu",
                package,
                "Ubuntu's archive of debug symbols, ddebs (some kernels: linux-image-RELEASE-dbgsym)",
            );
        }
        if part("amzn") {
            let place = "the repository amazonlinux-debuginfo (debuginfo-install kernel)";
            return of("Amazon Linux", format!("kernel-debuginfo-{release}"), place);
        }
        if release.contains("uek") {
            return of("Oracle Linux", format!("kernel-uek-debuginfo-{release}"), "oss.oracle.com");
        }
        if part("fc") && has("fedoraproject.org") || part("fc") && release.matches('.').count() >= 3 {
            return of("Fedora", format!("kernel-debuginfo-{release}"), "koji.fedoraproject.org");
        }
        if part("el") {
            let package = format!("kernel-debuginfo-{release}");
            let (distribution, place) = if has("almalinux.org") {
                ("AlmaLinux", "vault.almalinux.org")
            } else if has("rockylinux.org") {
                ("Rocky Linux", "dl.rockylinux.org")
            } else if has("centos.org") {
                ("CentOS", "debuginfo.centos.org")
            } else if has("oracle.com") || has("Oracle") {
                ("Oracle Linux", "oss.oracle.com")
            } else {
                ("Red Hat Enterprise Linux", "the repository rhel-debug-rpms (debuginfo-install kernel)")
            };
            return of(distribution, package, place);
        }
        if has("geeko@buildhost") {
            let (version, flavour) = release.rsplit_once('-')?;
            let package = format!("kernel-{flavour}-debuginfo-{version}");
            return of("SUSE", package, "the debug repository of that version (zypper install)");
        }
        if release.contains("-arch") || has("@archlinux") {
            let place = "Arch does not publish debug packages of its kernels";
            return Some(Self { distribution: "Arch Linux", package: None, place });
        }
        None
    }
}

impl fmt::Display for DebugPackage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.package {
            Some(package) => {
                write!(
                    f,
                    "{}'s package {package} holds the debug information ({})",
                    self.distribution, self.place
                )
            }
            None => f.write_str(self.place),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_distribution_has_its_own_package_name() {
        for (text, expected) in [
            (
                "Linux version 6.1.0-13-amd64 (debian-kernel@lists.debian.org) (gcc-12 (Debian 12.2.0-14) 12.2.0) #1 SMP",
                "Debian's package linux-image-6.1.0-13-amd64-dbg",
            ),
            (
                "Linux version 5.15.0-91-generic (buildd@lcy02-amd64-045) (gcc (Ubuntu 11.4.0-1ubuntu1) 11.4.0) #101-Ubuntu SMP",
                "Ubuntu's package linux-image-unsigned-5.15.0-91-generic-dbgsym",
            ),
            (
                "Linux version 6.5.6-300.fc39.x86_64 (mockbuild@a.iad2.fedoraproject.org) (gcc (GCC) 13.2.1) #1 SMP",
                "Fedora's package kernel-debuginfo-6.5.6-300.fc39.x86_64",
            ),
            (
                "Linux version 5.14.0-362.8.1.el9_3.x86_64 (mockbuild@x86-vm-07.build.eng.bos.redhat.com) (gcc) #1 SMP",
                "Red Hat Enterprise Linux's package kernel-debuginfo-5.14.0-362.8.1.el9_3.x86_64",
            ),
            (
                "Linux version 4.18.0-305.12.1.el8_4.x86_64 (mockbuild@kbuilder.bsys.centos.org) (gcc) #1 SMP",
                "CentOS's package kernel-debuginfo-4.18.0-305.12.1.el8_4.x86_64",
            ),
            (
                "Linux version 5.15.0-100.96.32.el8uek.x86_64 (mockbuild@host-100-100-224-6) (gcc) #2 SMP",
                "Oracle Linux's package kernel-uek-debuginfo-5.15.0-100.96.32.el8uek.x86_64",
            ),
            (
                "Linux version 6.1.61-85.141.amzn2023.x86_64 (mockbuild@ip-10-0-47-104) (gcc) #1 SMP",
                "Amazon Linux's package kernel-debuginfo-6.1.61-85.141.amzn2023.x86_64",
            ),
            (
                "Linux version 5.14.21-150500.53-default (geeko@buildhost) (gcc (SUSE Linux) 7.5.0) #1 SMP",
                "SUSE's package kernel-default-debuginfo-5.14.21-150500.53",
            ),
            (
                "Linux version 6.6.7-arch1-1 (linux@archlinux) (gcc (GCC) 13.2.1) #1 SMP",
                "Arch does not publish debug packages",
            ),
        ] {
            let banner = Banner::find(text.as_bytes()).expect("a banner");
            let package = DebugPackage::of(&banner).unwrap_or_else(|| panic!("{text}"));
            assert!(package.to_string().starts_with(expected), "{package}");
        }
    }

    #[test]
    fn the_distribution_of_the_compiler_did_not_build_the_kernel() {
        for text in [
            "Linux version 6.6.7 (me@home) (gcc 13) #1 SMP",
            "Linux version 6.12.118-narrow (root@vm) (gcc-12 (Debian 12.2.0-14+deb12u1) 12.2.0) #2 SMP PREEMPT",
            "Linux version 6.2.16-3-pve (tom@sbuild) (gcc (Debian 12.2.0-14) 12.2.0) #1 SMP PREEMPT_DYNAMIC PVE 6.2.16-3",
            "Linux version 6.6.0-060600-generic (kernel@sita) (x86_64-linux-gnu-gcc-13 (Ubuntu 13.2.0-7ubuntu1)) #202311281136 SMP",
            "Linux version 5.3.18 (me@home) (gcc version 7.5.0 (SUSE Linux)) #1 SMP",
        ] {
            let banner = Banner::find(text.as_bytes()).expect("a banner");
            assert_eq!(DebugPackage::of(&banner), None, "{text}");
        }
        let old = "Linux version 2.6.26-2-amd64 (Debian 2.6.26-26lenny1) (dannf@debian.org) (gcc version 4.1.3) #1 SMP";
        let banner = Banner::find(old.as_bytes()).expect("a banner");
        assert_eq!(DebugPackage::of(&banner).map(|package| package.distribution), Some("Debian"));
    }
}
