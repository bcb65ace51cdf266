//! Which build the kernel is.

use crate::table::Group::{Decoys, Identity};
use crate::table::{row, rows};

rows! {
    BANNER = row(Identity, &["banner"])
        .decisive()
        .proves(
            "The text at `linux_banner` is the banner in the profile. If no kernel was found, a banner \
            anywhere in the image counts.",
        )
        .skipped_if("the profile has no banner, or the text at `linux_banner` is not one");

    BUILD_ID = row(Identity, &["build-id"])
        .decisive()
        .proves("The build-id of VMCOREINFO or of the kernel's notes is the one in the profile.")
        .skipped_if("the profile or the image has none");

    DECOYS = row(Decoys, &["records of other kernels"])
        .note()
        .proves(
            "Lists banners and VMCOREINFO of other kernels in memory: remains of an earlier boot, files, \
            guests, or planted data. This check cannot fail.",
        );
}
