//! How to get the profile of a kernel that an image names.

use repository::detect::{NamedKernel, Sighted};

/// How many kernels are listed; some images contain many stale and foreign records.
const MOST: usize = 4;

/// For each kernel that the image names, by its best evidence, the kernel and the command that gets its profile.
pub fn advice(kernels: &[Sighted]) -> Vec<String> {
    let best = kernels.first().map(|sighted| sighted.rank);
    let told = kernels.iter().filter(|sighted| Some(sighted.rank) == best).take(MOST);
    told.map(|sighted| how_to(&sighted.kernel)).collect()
}

/// The kernel, and the command that gets its profile.
pub fn how_to(kernel: &NamedKernel) -> String {
    match kernel {
        NamedKernel::Windows { pdb, guid_age } => {
            format!("Windows: fetch_pdb {pdb} {guid_age}, then parse_pdb {pdb}")
        }
        NamedKernel::Linux { release, build_id: Some(id) } => {
            format!("Linux {release}: fetch_debug {id}, then parse_dwarf on the fetched file")
        }
        NamedKernel::Linux { release, build_id: None } => {
            format!("Linux {release}: parse_dwarf on its vmlinux with debug information")
        }
        NamedKernel::Mac { version } => {
            format!("Darwin Kernel Version {version}: parse_dwarf on the kernel of its debug kit")
        }
    }
}
