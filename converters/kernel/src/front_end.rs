//! The front-end for kernels' boot files.

use dwarf_converter::Package;
use formats::FileKind;
use frontend::{Converted, Error, FrontEnd, OptionName, Options, Source};
use profile::{MappedFile, Progress};

use crate::{GENERATOR, convert_file};

/// Reads kernels' boot files, which contain their own types and symbols, and packages with one.
#[derive(Clone, Copy, Debug)]
pub struct KernelFile;

const READS: &str = "a Linux kernel as it is booted (bzImage, Image, vmlinuz)";

/// The largest boot file that is unpacked from a package, in bytes. Real ones have up to some ten MiB.
const LARGEST: u64 = 1 << 30;

/// Whether a file is a package whose first kernel is a boot file, not a debug file.
pub fn is_kernel_package(bytes: &[u8]) -> bool {
    let package = Package::recognise(bytes).filter(Package::is_archive);
    let first = package.and_then(|package| {
        package.first(&|path| {
            let is_debug_file = path.contains("usr/lib/debug/");
            (is_debug_file || KernelFile::is_kernel(path)).then_some(!is_debug_file)
        })
    });
    first.unwrap_or(false)
}

impl KernelFile {
    /// Whether a file in a package is a kernel's boot file.
    fn is_kernel(path: &str) -> bool {
        let name = path.rsplit('/').next().unwrap_or(path);
        let stems = ["vmlinuz", "bzImage", "Image"];
        stems.iter().any(|stem| {
            name.strip_prefix(stem).is_some_and(|rest| rest.is_empty() || rest.starts_with(['-', '.']))
        }) && !name.ends_with(".hmac")
            && !name.ends_with(".sig")
            && !name.ends_with(".h")
    }
}

impl FrontEnd for KernelFile {
    /// The types of a boot file are BTF, so it shares the command of the BTF front-end.
    fn command(&self) -> &'static str {
        "parse_btf"
    }

    fn reads(&self) -> &'static str {
        READS
    }

    fn generator(&self) -> &'static str {
        GENERATOR
    }

    fn options(&self) -> &'static [OptionName] {
        &[OptionName::Member]
    }

    fn kinds(&self) -> &'static [FileKind] {
        &[FileKind::BzImage, FileKind::Zboot, FileKind::Arm64Image]
    }

    fn also_reads(&self) -> &'static [FileKind] {
        &[FileKind::Deb, FileKind::Rpm, FileKind::Gzip, FileKind::Xz, FileKind::Zstd]
    }

    fn convert(
        &self,
        source: Source,
        options: &Options,
        progress: &dyn Progress,
    ) -> Result<Converted, Error> {
        let mut file = source.into_file(READS)?;
        if let Some(package) = Package::recognise(&file).filter(Package::is_archive) {
            let mut kernel = Limited { bytes: Vec::new() };
            let member = options.member.as_deref();
            let unpacked = match member {
                Some(_) => package.unpack(member, &mut kernel),
                None => package.unpack_first("kernel (vmlinuz)", &Self::is_kernel, &mut kernel),
            };
            let unpacked = unpacked.map_err(Error::failed)?;
            progress.debug(&format!("unpacked {} ({} bytes)", unpacked.path, unpacked.size));
            file = MappedFile::from(kernel.bytes);
        }
        let converted = convert_file(&file, progress).map_err(Error::failed)?;
        Ok(Converted { profile: converted.profile, report: converted.report })
    }
}

/// Collects at most [`LARGEST`] bytes.
struct Limited {
    bytes: Vec<u8>,
}

impl std::io::Write for Limited {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        if (self.bytes.len() + bytes.len()) as u64 > LARGEST {
            return Err(std::io::Error::other(format!(
                "the kernel has more than {LARGEST} bytes, the most that are unpacked"
            )));
        }
        self.bytes.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernel_in_a_package_is_recognised_by_its_name() {
        for path in [
            "./boot/vmlinuz-6.1.0-57-cloud-amd64",
            "usr/lib/modules/7.3.4+deb13-cloud-amd64/vmlinuz",
            "boot/Image",
        ] {
            assert!(KernelFile::is_kernel(path), "{path}");
        }
        for path in [
            "boot/.vmlinuz-5.14.0.hmac",
            "boot/vmlinuz-5.14.0.hmac",
            "boot/System.map-6.1",
            "a/vmlinuzes",
            "vmlinux.h",
        ] {
            assert!(!KernelFile::is_kernel(path), "{path}");
        }
    }
}
