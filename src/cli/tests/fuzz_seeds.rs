//! The seeds of the fuzz targets reach beyond the headers: each is accepted by its parser, and the content (structs,
//! symbols, memory, members) is read. A seed that stops at a magic number would not help a fuzzer. `UPDATE=1` writes
//! the seeds that are made by fixtures.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::fs;
use std::io::Cursor;
use std::path::{Path, PathBuf};
use std::sync::Once;

use dwarf_converter::{Alone, Language, Languages, Package};
use image::{Image, Memory};
use kernel_files::{AGES, Age, Choice, Compression, Format, Kernel, bzimage, encode, packed, zboot};
use maps::kallsyms::{DIGITS, find_near};
use pe::{CodeView, Identity, PdbCabinet};
use profile::{MappedFile, Profile, Report, Resolution, Silent, read_profile, write_text};
use repository::index::{DataIndex, ExportIndex, Specification, StructIndex, SymbolIndex};
use serde_json::Value;
use symbols::{Manifest, Pointer, SymbolPath};
use volatility_converter::Pack;

#[allow(dead_code, reason = "the tests of the front-end use the rest")]
#[path = "../../../converters/pdb/tests/support/build.rs"]
mod build;

#[path = "../../../fuzz/fuzz_targets/support/bundle.rs"]
mod bundles;

#[path = "../../../fuzz/fuzz_targets/support/text.rs"]
mod text;

#[cfg(unix)]
#[path = "../../../fuzz/fuzz_targets/support/outputs.rs"]
mod outputs;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// Writes the seeds that fixtures make, if requested.
fn update() {
    static ONCE: Once = Once::new();
    if std::env::var_os("UPDATE").is_none() {
        return;
    }
    ONCE.call_once(|| {
        let guid_age = "F8E2A8B5C9B74BF4A6E4A48F180099942".parse().unwrap();
        for (target, bytes) in [
            ("msfz", symbol_server::fixture::msfz(guid_age, 1000).unwrap()),
            ("identity", symbol_server::fixture::pdb(guid_age, 0).unwrap()),
        ] {
            let folder = root().join("fuzz/seeds").join(target);
            fs::create_dir_all(&folder).unwrap();
            fs::write(folder.join("fixture"), bytes).unwrap();
        }
        for (target, seeds) in
            [("kallsyms", tables()), ("kernel_file", kernels()), ("bundle", bundle_seeds())]
        {
            let folder = root().join("fuzz/seeds").join(target);
            fs::create_dir_all(&folder).unwrap();
            for (name, bytes) in seeds {
                fs::write(folder.join(name), bytes).unwrap();
            }
        }
    });
}

/// How much of the next section there is behind a table of symbols.
const BEHIND: usize = 8192;

/// A table of symbols of every age and byte order, each with the bytes of another section before and behind it.
fn tables() -> Vec<(String, Vec<u8>)> {
    let mut tables = Vec::new();
    for age in AGES {
        let formats: &[(bool, u8)] = match age {
            Age::V4_20 | Age::V6_4 | Age::V7_0 => &[(false, 8), (true, 8), (false, 4)],
            _ => &[(false, 8)],
        };
        for (big_endian, pointer) in formats.iter().copied() {
            let base: u64 = if pointer == 8 { 0xffff_ffff_8100_0000 } else { 0xc100_0000 };
            let symbols: Vec<(String, u64)> =
                (0..1001).map(|number| (format!("Tfunction_{number}"), base + number * 64)).collect();
            let choice = if age < Age::V4_6 { Choice::Pointers } else { Choice::Relative };
            let virtual_at = if age == Age::V7_0 { base + 0x20_0000 } else { 0 };
            let format = Format { big_endian, pointer };
            let mut bytes = vec![0x5a; 64];
            bytes.extend(encode(age, choice, format, &symbols, 64, virtual_at).bytes);
            bytes.resize(bytes.len() + BEHIND, 0xa5);
            let order = if big_endian { "big" } else { "little" };
            tables.push((format!("{age:?}-{order}-{pointer}").to_lowercase(), bytes));
        }
    }
    tables
}

/// Bundles of one and of three builds, as they are and as their parts.
fn bundle_seeds() -> Vec<(String, Vec<u8>)> {
    let text = |nth: u64| {
        let text = format!(
            r#"{{"$CONSTANTS": {{"a": {}, "b.{nth}": {}, "c": 64}}, "$CONSTANT_TYPES": {{"a": ["int"]}},
            "$ENUMS": {{"e": {{"0": "ZERO", "{nth}": "N"}}}}, "$REVENUMS": {{"e": {{"N": {nth}, "ZERO": 0}}}},
            "$METADATA": {{"ProfileClass": "Linux", "Release": "6.{nth}.0-amd64", "Type": "Profile", "arch": "AMD64"}},
            "$STRUCTS": {{"list_head": [16, {{"next": [0, ["Pointer", {{"target": "list_head"}}]], "prev": [8, ["int"]]}}],
                "task_struct": [{}, {{"mm": [{}, ["Pointer", {{"target": "list_head"}}]], "pid": [0, ["int"]]}}]}}}}"#,
            16 + nth,
            32 + nth,
            16 + 8 * nth,
            8 * nth,
        );
        let mut report = Report::default();
        let mut profile = read_profile(text.as_bytes(), &mut report).unwrap();
        let resolution = Resolution::new(&mut profile, &mut report);
        String::from_utf8(write_text(&profile, &resolution, Vec::new()).unwrap()).unwrap()
    };
    let mut seeds = Vec::new();
    for count in [1, 3] {
        let entries = (1..=count).map(|nth| bundle::Entry::new(format!("k{nth}"), move || Ok(text(nth))));
        let (bytes, _) = bundle::write(entries.collect(), Vec::new(), &Silent).unwrap();
        let opened = bundle::Bundle::new(std::sync::Arc::new(bytes.clone())).unwrap();
        let parts = bundle::fuzzing::unseal(&opened).unwrap();
        seeds.push((format!("builds-{count}"), [&[0], &bytes[..]].concat()));
        seeds.push((format!("parts-{count}"), [&[1], &parts[..]].concat()));
    }
    seeds
}

#[test]
fn bundles_come_out_whole() {
    for (name, bytes) in seeds("bundle") {
        let builds = if name.ends_with("-3") { 3 } else { 1 };
        assert_eq!(bundles::read(&bytes), builds, "{name}");
    }
}

#[test]
fn a_changed_part_of_a_bundle_with_right_hashes_is_read_or_refused() {
    let (_, parts) = bundle_seeds().into_iter().find(|(name, _)| name == "parts-3").unwrap();
    let mut whole = 0;
    for place in 1..parts.len() {
        for bits in [1, 0x80] {
            let mut changed = parts.clone();
            changed[place] ^= bits;
            // Whatever comes out has the SHA-256 of what was put in.
            whole += usize::from(bundles::read(&changed) == 3);
        }
    }
    assert!(whole < parts.len(), "{whole}");
}

/// A kernel as it is booted in every form and compression.
fn kernels() -> Vec<(String, Vec<u8>)> {
    let types = |name: &str| fs::read(root().join("testdata/btf").join(name)).unwrap();
    let pc = Kernel::new(Age::V6_4, Choice::Relative, 0xffff_ffff_8100_0000, &types("gcc-x64.btf"), false);
    let arm = Kernel::new(Age::V7_0, Choice::Relative, 0xffff_8000_8000_0000, &types("gcc-arm64.btf"), false);
    let of_pc = Compression::ALL.into_iter().map(|compression| {
        let file = bzimage(&packed(compression, &pc.elf(62)));
        (format!("bzimage-{compression:?}").to_lowercase(), file)
    });
    let zstd = packed(Compression::Zstd, &arm.arm64_image());
    let of_arm = [
        ("image-gzip".to_owned(), packed(Compression::Gzip, &arm.arm64_image())),
        ("zboot-zstd".to_owned(), zboot(&zstd, "zstd22")),
    ];
    of_pc.chain(of_arm).collect()
}

/// The seeds of a target, as `scripts/fuzz` passes them.
fn seeds(target: &str) -> Vec<(String, Vec<u8>)> {
    update();
    let table: Value = serde_json::from_slice(&fs::read(root().join("fuzz/targets.json")).unwrap()).unwrap();
    let entry = &table[target];
    assert!(entry.is_object(), "fuzz/targets.json does not list {target}");
    let limit = entry["max_len"].as_u64().unwrap_or(4096) as usize;
    let named =
        entry["seeds"].as_array().into_iter().flatten().map(|seed| root().join(seed.as_str().unwrap()));
    let mut files = Vec::new();
    for place in named.chain([root().join("fuzz/seeds").join(target)]) {
        match fs::read_dir(&place) {
            Ok(entries) => files.extend(entries.map(|entry| entry.unwrap().path())),
            Err(_) if place.is_file() => files.push(place),
            Err(_) => {}
        }
    }
    files.sort();
    assert!(!files.is_empty(), "{target} has no seeds");
    let read = |path: PathBuf| {
        let mut bytes = fs::read(&path).unwrap();
        bytes.truncate(limit);
        (path.display().to_string(), bytes)
    };
    files.into_iter().map(read).collect()
}

/// Every target's name, in its file and its entry.
#[test]
fn every_target_is_listed_and_has_seeds() {
    let table: Value = serde_json::from_slice(&fs::read(root().join("fuzz/targets.json")).unwrap()).unwrap();
    let listed: Vec<&String> = table.as_object().unwrap().keys().collect();
    let files = fs::read_dir(root().join("fuzz/fuzz_targets")).unwrap().map(|entry| entry.unwrap().path());
    let mut names: Vec<String> = files
        .filter(|path| path.extension().is_some_and(|extension| extension == "rs"))
        .map(|path| path.file_stem().unwrap().to_str().unwrap().to_owned())
        .collect();
    names.sort();
    assert_eq!(listed, names.iter().collect::<Vec<_>>());
    for name in names {
        seeds(&name);
        for code in table[&name]["code"].as_array().unwrap() {
            assert!(root().join(code.as_str().unwrap()).exists(), "{name}: {code}");
        }
    }
}

/// The number of structs and symbols in a profile after lowering; printed, as the targets print it.
fn lowered(mut profile: Profile, mut report: Report) -> (usize, usize) {
    let resolution = Resolution::new(&mut profile, &mut report);
    write_text(&profile, &resolution, Vec::new()).unwrap();
    (resolution.structs().len(), profile.constants.len() + profile.functions.len())
}

#[test]
fn debug_information_is_lowered() {
    for target in ["dwarf_elf", "dwarf_macho"] {
        let mut structs = Vec::new();
        for (name, bytes) in seeds(target) {
            let options = dwarf_converter::Options {
                languages: Languages::with(&[Language::All]),
                threads: 1,
                ..dwarf_converter::Options::default()
            };
            if let Ok(converted) = dwarf_converter::convert(&bytes, &options, &Alone, &Silent) {
                structs.push((name, lowered(converted.profile, converted.report).0));
            }
        }
        let rich = structs.iter().filter(|(_, count)| *count > 3).count();
        assert!(rich * 2 > seeds(target).len(), "{target}: {structs:?}");
    }
}

#[test]
fn btf_is_lowered() {
    for (name, bytes) in seeds("btf") {
        let mut parts = Vec::new();
        let mut rest = bytes.as_slice();
        while let Some(at) = rest.windows(4).position(|window| window == b"~@~@") {
            parts.push(rest[..at].to_vec());
            rest = &rest[at + 4..];
        }
        parts.push(rest.to_vec());
        let part = |number: usize| parts.get(number).map(Vec::as_slice).filter(|part| !part.is_empty());
        let (blob, base, small, map) = (part(0).unwrap(), part(1), part(2), part(3));
        btf_converter::Table::with_base(blob, small, base).unwrap_or_else(|error| panic!("{name}: {error}"));
        // The small base of a module comes in an ELF file only.
        if small.is_none() {
            let options =
                btf_converter::Options { symbol_map: map, base, ..btf_converter::Options::default() };
            let converted = btf_converter::convert(blob, &options, &Silent);
            let converted = converted.unwrap_or_else(|error| panic!("{name}: {error}"));
            let (structs, symbols) = lowered(converted.profile, converted.report);
            assert!(structs > 0 && (map.is_none() || symbols > 0), "{name}: {structs}, {symbols}");
        }
    }
}

#[test]
fn tables_of_symbols_of_every_layout_are_found_and_read() {
    let seeds = seeds("kallsyms");
    assert!(seeds.len() >= AGES.len());
    for (name, bytes) in seeds {
        let source = |at: u64, into: &mut [u8]| {
            let place = usize::try_from(at).ok();
            let found = place.and_then(|at| bytes.get(at..at.checked_add(into.len())?));
            found.map(|found| into.copy_from_slice(found)).is_some()
        };
        let digit = memchr::memmem::find(&bytes, DIGITS).unwrap() as u64;
        let parts = find_near(&source, digit).unwrap_or_else(|| panic!("{name}"));
        let symbols = maps::kallsyms::read(&source, &parts).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(symbols.len(), 1001, "{name}");
        assert_eq!(symbols[1000].address.wrapping_sub(symbols[0].address), 64_000, "{name}");
    }
}

#[test]
fn kernels_as_they_are_booted_are_lowered() {
    let seeds = seeds("kernel_file");
    assert!(seeds.len() > Compression::ALL.len());
    for (name, bytes) in seeds {
        let converted = kernel_converter::convert_file(&bytes, &Silent);
        let converted = converted.unwrap_or_else(|error| panic!("{name}: {error}"));
        let (structs, symbols) = lowered(converted.profile, converted.report);
        assert!(structs > 3 && symbols > 1000, "{name}: {structs} structs, {symbols} symbols");
    }
}

#[test]
fn pdbs_are_lowered() {
    for (name, bytes) in seeds("pdb") {
        let (how, input) = bytes.split_first().unwrap();
        let mut streams = vec![Vec::new()];
        let mut rest = input;
        while let Some(at) = rest.windows(4).position(|window| window == b"~@~@") {
            streams.push(rest[..at].to_vec());
            rest = &rest[at + 4..];
        }
        streams.push(rest.to_vec());
        let file = if *how == 0 { input.to_vec() } else { build::container(&streams, 512, false) };
        let options = pdb_converter::Options::default();
        let converted = pdb_converter::convert(MappedFile::from(file), &options, &Silent).unwrap();
        let (structs, _) = lowered(converted.profile, converted.report);
        assert!(structs > 10, "{name}: {structs} structs");
    }
}

#[test]
fn dumps_of_dwarf_and_python_are_lowered() {
    let first = |target: &str| match target {
        "volatility_darwin" => "0x0000000b: TAG_compile_unit [1] *\n",
        _ => "",
    };
    for (target, file) in [
        ("volatility_darwin", "module.dwarf"),
        ("volatility_libdwarf", "module.dwarf"),
        ("volatility_llvm", "module.dwarf"),
        ("volatility_readelf", "module.dwarf"),
        ("volatility_vtypes", "kernel.vtypes"),
    ] {
        for (name, bytes) in seeds(target) {
            let text = [first(target).as_bytes(), &bytes].concat();
            let pack = Pack::in_memory(vec![(file.to_owned(), text)]);
            let options = volatility_converter::Options::default();
            let converted = volatility_converter::convert(&pack, &options, &Silent)
                .unwrap_or_else(|error| panic!("{target}, {name}: {error}"));
            let (structs, _) = lowered(converted.profile, converted.report);
            assert!(structs > 0, "{target}, {name}");
        }
    }
}

#[test]
fn profiles_are_read_whole() {
    for target in ["isf", "profile_reader"] {
        let mut structs = 0;
        for (_, bytes) in seeds(target) {
            if let Ok(profile) = read_profile(&bytes, &mut Report::default()) {
                structs += lowered(profile, Report::default()).0;
            }
        }
        assert!(structs >= 4, "{target}: {structs} structs");
    }
}

#[test]
fn images_give_memory() {
    for target in [
        "image_avml",
        "image_crash_dump",
        "image_crash_dump_32",
        "image_elf",
        "image_ewf",
        "image_flattened",
        "image_kdump",
        "image_lime",
        "image_macho",
        "image_vmware",
    ] {
        for (name, bytes) in seeds(target) {
            let image = Image::from_content(bytes).unwrap_or_else(|error| panic!("{name}: {error}"));
            let mut first = [0; 16];
            let start = image.runs().first().unwrap_or_else(|| panic!("{name} has no memory")).start;
            assert!(image.size() > 0, "{name}");
            image.read(start, &mut first).unwrap_or_else(|error| panic!("{name}: {error}"));
        }
    }
}

#[test]
fn archives_give_their_members() {
    let mut kinds = [0; 3];
    for target in ["archives", "cabinet", "packages", "volatility_zip"] {
        for (name, bytes) in seeds(target) {
            let mut out = Vec::new();
            if let Some(package) = Package::recognise(&bytes) {
                package.unpack(None, &mut out).unwrap_or_else(|error| panic!("{name}: {error}"));
                kinds[0] += 1;
            } else if bytes.starts_with(b"MSCF") {
                let mut cabinet = PdbCabinet::open(Cursor::new(&bytes), None, 1 << 22).unwrap();
                cabinet.extract(&mut out, &|_| ()).unwrap_or_else(|error| panic!("{name}: {error}"));
                kinds[1] += 1;
            } else {
                let folder = tempfile::tempdir().unwrap();
                fs::write(folder.path().join("pack.zip"), &bytes).unwrap();
                let pack = Pack::open(&folder.path().join("pack.zip")).unwrap();
                assert_eq!(pack.member_names().count(), 2, "{name}");
                let read =
                    volatility_converter::convert(&pack, &volatility_converter::Options::default(), &Silent);
                if !name.contains("bzip2") {
                    out.resize(lowered(read.unwrap().profile, Report::default()).0, 0);
                    assert!(!out.is_empty(), "{name}");
                }
                kinds[2] += 1;
                continue;
            }
            assert!(out.len() > 500, "{name}: {} bytes", out.len());
        }
    }
    assert!(kinds.iter().all(|count| *count > 1), "{kinds:?}");
}

#[test]
fn compact_pdbs_unpack() {
    for (name, bytes) in seeds("msfz") {
        let (mut source, plain) = (tempfile::tempfile().unwrap(), tempfile::tempfile().unwrap());
        std::io::Write::write_all(&mut source, &bytes).unwrap();
        pe::unpack_msfz(&source, &plain, 1 << 22, &|_| ()).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert!(plain.metadata().unwrap().len() > 1000, "{name}");
    }
}

#[test]
fn small_texts_and_records_are_read() {
    for (name, bytes) in seeds("identity") {
        Identity::read(&mut Cursor::new(&bytes)).unwrap_or_else(|error| panic!("{name}: {error}"));
    }
    for (name, bytes) in seeds("pe") {
        let pe = pe::Pe::parse(&bytes).unwrap_or_else(|error| panic!("{name}: {error}"));
        let found = pe.rsds().unwrap_or_default().len() + pe.exports().unwrap_or_default().len();
        assert!(found > 0 || pe.version().is_ok_and(|version| version.is_some()), "{name}");
    }
    for (name, bytes) in seeds("manifest") {
        assert_eq!(Manifest::read(&bytes[..]).unwrap().wanted.len(), 2, "{name}");
    }
    for (name, bytes) in seeds("pointer") {
        Pointer::parse(&bytes).unwrap_or_else(|error| panic!("{name}: {error}"));
    }
    for (name, bytes) in seeds("symbol_path") {
        let text = String::from_utf8(bytes).unwrap();
        text.parse::<SymbolPath>().unwrap_or_else(|error| panic!("{name}: {error}"));
    }
    for (name, bytes) in seeds("rsds_scan") {
        assert_eq!(CodeView::scan(&[b"RSDS", &bytes[..]].concat(), 1).len(), 2, "{name}");
    }
    for (name, bytes) in seeds("gzip_inflate") {
        let stamped = [&[0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255][..], &bytes].concat();
        assert!([&bytes, &stamped].iter().any(|input| profile::inflate(input, 1 << 20).is_ok()), "{name}");
    }
    let understood = |bytes: &[u8]| {
        !maps::SystemMap::parse(bytes).symbols.is_empty()
            || !maps::SymbolTable::parse_all(bytes).is_empty()
            || !maps::KernelConfig::parse(bytes).options.is_empty()
            || maps::Banner::find(bytes).is_some()
    };
    for (name, bytes) in seeds("maps") {
        assert!(understood(&bytes), "{name}");
    }
    for (name, bytes) in seeds("indexes") {
        let read = [
            std::str::from_utf8(&bytes).is_ok_and(|text| Specification::parse(text, "seed").is_ok()),
            DataIndex::parse(&bytes, "seed").is_ok(),
            ExportIndex::parse(&bytes, "seed").is_ok(),
            StructIndex::parse(&bytes, "seed").is_ok(),
            SymbolIndex::parse(&bytes, "seed").is_ok(),
        ];
        assert!(read.contains(&true), "{name}");
    }
    for (name, bytes) in seeds("repository_texts") {
        let text = String::from_utf8(bytes).unwrap();
        let parsed = text.parse::<repository::ProfileName>().is_ok();
        assert!(parsed || repository::yaml::Node::parse(&text, "seed").is_ok(), "{name}");
    }
}

#[test]
fn text_is_escaped() {
    for (_, bytes) in seeds("escape") {
        text::check(&String::from_utf8_lossy(&bytes));
    }
}

#[cfg(unix)]
#[test]
fn outputs_get_their_names() {
    for (_, bytes) in seeds("output_names") {
        for abandoned in [false, true] {
            outputs::check(&bytes[1..], abandoned);
        }
    }
}
