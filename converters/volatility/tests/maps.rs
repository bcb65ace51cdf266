//! Maps of running kernels in packs: the shift is removed, or the map is refused.
#![allow(clippy::unwrap_used, clippy::panic)]

use profile::{Health, Resolution, Scope, Silent, Verdict};
use volatility_converter::{Converted, Options, Pack, convert};

/// A dump of one struct, for a processor named by the compiler's command line.
fn dump(flags: &str) -> String {
    format!(
        "\n.debug_info\n\n\
         <0><0x0+0xb><DW_TAG_compile_unit> DW_AT_producer<GNU C {flags}> DW_AT_language<DW_LANG_C89> DW_AT_name<m.c>\n\
         <1><0x1d><DW_TAG_base_type> DW_AT_byte_size<0x00000004> DW_AT_encoding<DW_ATE_signed> DW_AT_name<int>\n\
         <1><0x24><DW_TAG_structure_type> DW_AT_name<task_struct> DW_AT_byte_size<0x00000008>\n\
         <2><0x30><DW_TAG_member> DW_AT_name<pid> DW_AT_type<<0x0000001d>> DW_AT_data_member_location<4>\n"
    )
}

fn made(flags: &str, name: &str, map: &str, more: &[(&str, &str)]) -> Converted {
    let mut members = vec![
        ("module.dwarf".to_owned(), dump(flags).into_bytes()),
        (name.to_owned(), map.as_bytes().to_vec()),
    ];
    members.extend(more.iter().map(|(name, text)| ((*name).to_owned(), text.as_bytes().to_vec())));
    convert(&Pack::in_memory(members), &Options::default(), &Silent).unwrap()
}

fn address(made: &Converted, symbol: &str) -> Option<u64> {
    let name = made.profile.names.find(symbol)?;
    made.profile.constants.iter().find(|(known, _)| *known == name).map(|(_, address)| *address)
}

#[track_caller]
fn refused(made: Converted, because: &str) {
    let Converted { mut profile, mut report } = made;
    assert!(profile.constants.is_empty());
    assert!(report.warnings().iter().any(|warning| warning.contains(because)), "{report:?}");
    let resolution = Resolution::new(&mut profile, &mut report);
    assert_eq!(Health::of(&profile, &resolution, Scope::Whole).verdict, Verdict::Failed);
}

#[test]
fn the_shift_is_taken_back_by_the_link_address_of_each_processor() {
    for (flags, name, map, shift) in [
        (
            "-m64 -mcmodel=kernel",
            "System.map-4.3.3",
            "0000000000000000 D __per_cpu_start\nffffffff93000000 T _text\nffffffff94a1aa40 D init_task\n\
             ffffffffc0345000 t foo_init\t[foo]\n",
            0x1200_0000u64,
        ),
        ("-m32 -mregparm=3", "kallsyms", "c7000000 T _text\nc8a1aa40 D init_task\n", 0x600_0000),
        (
            "-mabi=lp64",
            "System.map-6.1.0-13-arm64",
            "ffffd2f5c3a00000 T _text\nffffd2f5c5000000 D init_task\nffffd2f5bf000000 t foo [foo]\n",
            0x52f5_bba0_0000,
        ),
        (
            "-meb -march=mips32r2 -mabi=32",
            "kallsyms-4.9",
            "81a00000 T _text\n82000000 D init_task\n82100000 B _end\n",
            0x190_0000,
        ),
    ] {
        let made = made(flags, name, map, &[]);
        let text = map.split("T _text").next().unwrap().rsplit('\n').next().unwrap().trim().to_owned();
        let text = u64::from_str_radix(&text, 16).unwrap();
        assert_eq!(address(&made, "_text"), Some(text - shift), "{name}");
        assert!(address(&made, "init_task").unwrap() < text + 0x200_0000 - shift + 0x1000_0000);
        let told = format!("shifted by {shift:#x}");
        assert!(made.report.warnings().iter().any(|warning| warning.contains(&told)), "{:?}", made.report);
        if map.contains("per_cpu") {
            assert_eq!(address(&made, "__per_cpu_start"), Some(0));
        }
    }
}

#[test]
fn a_map_with_link_addresses_is_unchanged() {
    let map = "0000000001000000 A phys_startup_64\nffffffff81000000 T startup_64\nffffffff81000000 T _text\n";
    let made = made("-m64", "System.map-4.3.3", map, &[]);
    assert_eq!(address(&made, "_text"), Some(0xffff_ffff_8100_0000));
    assert!(made.report.warnings().is_empty(), "{:?}", made.report);
}

#[test]
fn a_map_that_gives_no_addresses_of_this_kernel_is_refused() {
    let zero = "0000000000000000 T _text\n0000000000000000 D init_task\n";
    refused(made("-m64", "System.map-4.3.3", zero, &[]), "kptr_restrict");
    let moved = "ffffd2f5c3a00000 T _text\nffffd2f5bf000000 t foo [foo]\n";
    refused(made("-mabi=lp64", "System.map", moved, &[]), "nothing says where that kernel was linked");
    let banner = [("banner.txt", "Linux version 6.1.0-56-amd64 (d@d.org) (gcc-12) #1 SMP\n")];
    let map = "ffffffff81000000 T _text\nffffffff82000000 D init_task\n";
    refused(made("-m64", "System.map-6.1.0-57-amd64", map, &banner), "it is the map of 6.1.0-57-amd64");
    assert!(address(&made("-m64", "System.map-6.1.0-56-amd64", map, &banner), "init_task").is_some());

    let same = "ffffffff81000000 T _text\nffffffff81000000 D init_task\nffffffff81000000 D modules\n";
    refused(made("-m64", "System.map-4.3.3", same, &[]), "of 3 symbols, 3 are at 0xffffffff81000000");
    let excerpt = "ffffffff95000000 D init_task\nffffffff95000040 D modules\n";
    refused(made("-m64", "kallsyms", excerpt, &[]), "nothing says whether that kernel was moved");
}

#[test]
fn a_map_that_is_read_beside_the_types_gives_the_same() {
    let map = "ffffffff81000000 T _text\nffffffff82000000 D init_task\nnothing\n";
    let with = |map: &str, types: &str, threads| {
        let member = |name: &str, text: &str| (name.to_owned(), text.as_bytes().to_vec());
        let pack = Pack::in_memory(vec![member("module.dwarf", types), member("System.map-4.3.3", map)]);
        let options = Options { threads, ..Options::default() };
        match convert(&pack, &options, &Silent) {
            Ok(Converted { mut profile, mut report }) => {
                let resolution = Resolution::new(&mut profile, &mut report);
                let text = profile::write_text(&profile, &resolution, Vec::new()).unwrap();
                Ok((String::from_utf8(text).unwrap(), report))
            }
            Err(error) => Err(error.to_string()),
        }
    };
    let types = dump("-m64");
    // A map that cannot be read is told of, whatever the types are.
    for (map, types, problem) in [
        (map, &types[..], None),
        ("no map", &types[..], Some("System.map-4.3.3")),
        ("no map", "no types", Some("System.map-4.3.3")),
        (map, "no types", Some("module.dwarf")),
    ] {
        let one = with(map, types, 1);
        assert_eq!(with(map, types, 4), one);
        match problem {
            Some(member) => assert!(one.unwrap_err().contains(member)),
            None => assert!(one.unwrap().0.contains("\"init_task\": 18446744071595622400")),
        }
    }
}
