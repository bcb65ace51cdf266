use image::{Image, Paging, PhysicalAddress, ScanPlan};
use profile::System;

use crate::linux::VmCoreInfo;
use crate::{Error, Layout, Listing, Module, Process, Scope, Validation, linux, mac, windows};

/// The system in an image, found with its profile.
pub enum Guest<'a> {
    /// Linux.
    Linux(linux::LinuxKernel<'a>),
    /// Windows.
    Windows(windows::WindowsKernel<'a>),
    /// macOS.
    Mac(mac::MacKernel<'a>),
}

impl<'a> Guest<'a> {
    /// Finds the kernel that the profile describes; `plan` says how the image is searched if necessary.
    ///
    /// # Errors
    /// [`Error::NoKernel`] with what was tried; [`Error::Unsupported`] for a profile that does not belong to a
    /// kernel.
    pub fn find(image: &'a Image, layout: &'a Layout, plan: &ScanPlan<'_>) -> Result<Self, Error> {
        match layout.system() {
            System::Linux => {
                let (info, roots) = of_linux(image);
                linux::LinuxKernel::find(image, layout, info.as_ref(), &roots, plan).map(Guest::Linux)
            }
            System::Windows => {
                windows::WindowsKernel::find(image, layout, image.hints(), plan).map(Guest::Windows)
            }
            System::Mac => mac::MacKernel::find(image, layout, plan).map(Guest::Mac),
            System::Other => Err(no_kernel()),
        }
    }

    /// The same, but a Windows kernel of another build is taken for the profile's if no kernel fits the profile. What is
    /// read of it may be wrong.
    ///
    /// # Errors
    /// As [`Guest::find`].
    pub fn find_forced(image: &'a Image, layout: &'a Layout, plan: &ScanPlan<'_>) -> Result<Self, Error> {
        let found = Self::find(image, layout, plan);
        if !matches!(found, Err(Error::NoKernel { another: Some(_), .. })) {
            return found;
        }
        let forced = windows::WindowsKernel::forced(image, layout, image.hints(), plan);
        forced.map_or(found, |kernel| Ok(Guest::Windows(kernel)))
    }

    /// The processes, in the order of the kernel's list.
    ///
    /// # Errors
    /// [`Error::Lacking`] if the profile does not describe them.
    pub fn processes(&self) -> Result<Listing<Process>, Error> {
        match self {
            Guest::Linux(kernel) => kernel.processes(),
            Guest::Windows(kernel) => kernel.processes(),
            Guest::Mac(kernel) => kernel.processes(),
        }
    }

    /// The kernel's modules, in the order of its list.
    ///
    /// # Errors
    /// [`Error::Lacking`] if the profile does not describe them.
    pub fn modules(&self) -> Result<Listing<Module>, Error> {
        match self {
            Guest::Linux(kernel) => kernel.modules(),
            Guest::Windows(kernel) => kernel.modules(),
            Guest::Mac(kernel) => kernel.modules(),
        }
    }

    /// The physical address and kind of the kernel's own page tables, for programs that would otherwise have to
    /// search for them.
    pub fn page_tables(&self) -> (PhysicalAddress, Paging) {
        match self {
            Guest::Linux(kernel) => (kernel.page_tables(), kernel.space.paging()),
            Guest::Windows(kernel) => (kernel.space.dtb(), kernel.space.paging()),
            Guest::Mac(kernel) => (kernel.space.dtb(), kernel.space.paging()),
        }
    }

    /// The kernel's banner in memory. `None` for Windows, and if it cannot be read.
    pub fn banner(&self) -> Option<String> {
        let start = match self {
            Guest::Linux(_) => "Linux version ",
            Guest::Mac(_) => "Darwin Kernel Version ",
            Guest::Windows(_) => return None,
        };
        let found = self.facts().into_iter().find(|(name, _)| *name == "kernel")?.1;
        let line = found.split(['\0', '\n']).next()?;
        line.starts_with(start).then(|| line.to_owned())
    }

    /// The findings, each with its name.
    pub fn facts(&self) -> Vec<(&'static str, String)> {
        match self {
            Guest::Linux(kernel) => kernel.facts(),
            Guest::Windows(kernel) => kernel.facts(),
            Guest::Mac(kernel) => kernel.facts(),
        }
    }
}

/// Proves a profile on an image: every check with the expected and the found value, and the verdict. `plan` says how
/// the image is searched if necessary.
///
/// # Errors
/// [`Error::Unsupported`] for a profile that does not belong to a kernel, or an unsupported processor.
pub fn validate(
    image: &Image,
    layout: &Layout,
    scope: Scope,
    plan: &ScanPlan<'_>,
) -> Result<Validation, Error> {
    match layout.system() {
        System::Linux => {
            let (info, roots) = of_linux(image);
            linux::checks::validate(image, layout, info.as_ref(), &roots, scope, plan)
        }
        System::Windows => windows::checks::validate(image, layout, image.hints(), scope, plan),
        System::Mac => mac::checks::validate(image, layout, plan),
        System::Other => Err(no_kernel()),
    }
}

fn no_kernel() -> Error {
    Error::Unsupported {
        what: "a profile of no known system".to_owned(),
        expected: "one of a Linux, Windows or macOS kernel",
    }
}

/// What a container knows about a Linux kernel: VMCOREINFO, and page tables in use.
fn of_linux(image: &Image) -> (Option<VmCoreInfo>, Vec<u64>) {
    let hints = image.hints();
    let info = hints.vmcoreinfo.as_deref().and_then(|text| VmCoreInfo::parse(text.as_bytes()));
    let processors = hints.cpus.iter().map(|cpu| cpu.cr3).filter(|root| *root != 0);
    (info, hints.dtb.map(|dtb| dtb.0).into_iter().chain(processors).collect())
}
