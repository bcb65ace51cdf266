//! Loaded modules.

use crate::table::Group::Structure;
use crate::table::{row, rows};

rows! {
    MODULES = row(Structure, &["modules"])
        .proves(
            "The list of modules returns to its head, and the back pointers of nine in ten entries agree.",
        )
        .reads(&["list_head.next", "list_head.prev", "module.list", "&modules"]);

    MODULE_NAME = row(Structure, &["module.name"])
        .proves("A module has a name of letters, digits and underscores.")
        .reads(&["module.name"]);

    MODULE_STATE = row(Structure, &["module.state"])
        .proves("The state of a module is one of four.")
        .reads(&["module.state"]);

    MODULE_RANGES = row(Structure, &["module: where it is loaded"])
        .proves("A module is in whole pages, and its own struct is in them.")
        .reads(&[
            "module.core_layout", "module.init_layout", "module.mem", "module_layout.base",
            "module_layout.size", "module_memory.base", "module_memory.size",
        ]);

    MODULE_PARTS = row(Structure, &["module_layout.text_size, ro_size"])
        .proves("Code, constants and data of a module follow each other in whole pages.")
        .skipped_if("kernels since 6.4 have no such members")
        .reads(&[
            "module.core_layout", "module_layout.ro_after_init_size", "module_layout.ro_size",
            "module_layout.size", "module_layout.text_size",
        ]);

    MODULE_OBJECT = row(Structure, &["module.mkobj"])
        .proves("The module's object in sysfs has its name and leads back to it.")
        .reads(&["kobject.name", "module.mkobj", "module.name", "module_kobject.kobj", "module_kobject.mod"]);

    MODULE_EXIT = row(Structure, &["module.exit"])
        .proves("The exit function is code of the module.")
        .reads(&[
            "module.core_layout", "module.exit", "module.init_layout", "module.mem", "module_layout.base",
            "module_layout.size", "module_memory.base", "module_memory.size",
        ]);

    MODULE_USERS = row(Structure, &["module.refcnt"])
        .proves("The list of modules that use this one agrees with its count.")
        .reads(&[
            "list_head.next", "list_head.prev", "module.refcnt", "module.source_list", "module_use.source",
            "module_use.source_list", "module_use.target",
        ]);

    MODULE_USES = row(Structure, &["module.target_list"])
        .proves("The entries of the modules that this one uses lead back to it.")
        .reads(&[
            "list_head.next", "list_head.prev", "module.target_list", "module_use.source",
            "module_use.target_list",
        ]);

    MODULE_SYMBOLS = row(Structure, &["module.kallsyms"])
        .proves("The table of symbols is in the module, and begins with an empty symbol.")
        .reads(&[
            "elf64_sym.st_value", "mod_kallsyms.num_symtab", "mod_kallsyms.strtab", "mod_kallsyms.symtab",
            "module.core_layout", "module.init_layout", "module.kallsyms", "module.mem",
            "module_layout.base", "module_layout.size", "module_memory.base", "module_memory.size",
        ])
        .reads_elsewhere(&["elf32_sym.st_value"]);

    SOURCE_VERSION = row(Structure, &["module.srcversion"])
        .proves("The version of a module's sources is a hash, if it has one.")
        .reads(&["module.srcversion"]);

    MODULE_ARGUMENTS = row(Structure, &["module.args"])
        .proves("The arguments of a module are a text.")
        .reads(&["module.args"]);

    MODULE_HOLDERS = row(Structure, &["module.holders_dir"])
        .proves("The module's folder in sysfs for the modules that use it is called `holders`.")
        .reads(&["kobject.name", "module.holders_dir"]);
}
