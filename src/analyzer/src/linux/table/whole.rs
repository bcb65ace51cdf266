//! The profile as a whole.

use crate::table::Group::{Profile, Tables};
use crate::table::{row, rows};

rows! {
    LAYOUT = row(Profile, &["layout of what is read"])
        .proves(
            "In the structs that are read, members are where a C compiler puts them: they are aligned, do \
            not overlap, and leave no gap that is larger than necessary.",
        )
        .skipped_if("the profile has none of the structs");

    KALLSYMS = row(Tables, &["kallsyms"])
        .decisive()
        .proves("Every symbol of the profile has the address that the kernel's own table of symbols gives.")
        .skipped_if("the table cannot be read, or the kernel was built without it")
        .reads(&["&_text"])
        .reads_elsewhere(&["&_einittext", "&_etext", "&_sinittext", "&_stext"]);

    BTF = row(Tables, &["BTF"])
        .decisive()
        .proves("Every member of the profile has the offset that the kernel's own table of types gives.")
        .skipped_if("the table cannot be read, or the kernel was built without it");
}
