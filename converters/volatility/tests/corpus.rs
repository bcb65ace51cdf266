//! Tests on real and synthetic packs, compared with the results of an independent reader, a compiler and Rekall.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod facts;

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use facts::{Corpus, Facts, Text, hash};
use maps::{SymbolTable, SystemMap};
use profile::{Arch, Binding, Profile, Report, Resolution, System, write_text};
use serde_json::Value;
use volatility_converter::{Converted, Error, Pack, write_legacy};

/// Packs that do not give a profile.
const REFUSED: [&str; 2] = ["synth__edge-nodwarf", "vf__Linux__Debian__x64__Debian5010"];

fn printed(converted: Converted) -> (Vec<u8>, Report) {
    let Converted { mut profile, mut report } = converted;
    let resolution = Resolution::new(&mut profile, &mut report);
    (write_text(&profile, &resolution, Vec::new()).unwrap(), report)
}

fn every_profile(mut each: impl FnMut(&str, &Corpus, Converted)) {
    let corpus = Corpus::open();
    for pack in corpus.packs() {
        if REFUSED.contains(&pack.as_str()) {
            continue;
        }
        let converted = corpus.convert(&pack).unwrap_or_else(|error| panic!("{pack}: {error}"));
        each(&pack, &corpus, converted);
    }
}

#[test]
#[ignore = "needs PROFILE_CORPUS"]
fn packs_without_types_or_names_are_refused() {
    let corpus = Corpus::open();
    let error = corpus.convert("vf__Linux__Debian__x64__Debian5010").unwrap_err();
    assert!(
        matches!(&error, Error::NamesDestroyed { line: 30, name, .. } if name == "device_attribute"),
        "{error}"
    );
    let error = corpus.convert("synth__edge-nodwarf").unwrap_err();
    assert!(matches!(&error, Error::NoTypeSource { found } if found == "System.map-1"), "{error}");
}

/// An offset, and a type in the notation of the facts.
type Place = (u64, &'static str);

/// Bit-fields whose storage unit differs from the compiler's, which the facts have; the bits are the same. A unit of
/// the declared type would reach beyond a packed struct, or its alignment differs from our choice. Pack, struct,
/// member, ours, theirs.
const OTHER_UNITS: [(&str, &str, &str, Place, Place); 9] = [
    ("synth__synth-i686-dw5", "bits", "e", (4, "bits(0,40)"), (0, "bits(32,72)")),
    ("synth__synth-i686", "bits", "e", (4, "bits(0,40)"), (1, "bits(24,64)")),
    ("synth__synth-mips", "packed", "p", (13, "bits(5,8)"), (12, "bits(21,24)")),
    ("synth__synth-mips", "packed", "q", (13, "bits(4,13)"), (12, "bits(12,21)")),
    ("synth__", "packed", "p", (13, "bits(0,3)"), (12, "bits(8,11)")),
    ("synth__", "packed", "q", (13, "bits(3,12)"), (12, "bits(11,20)")),
    ("CentOS8", "orc_entry", "sp_reg", (4, "bits(0,4)"), (4, "bits(0,4)")),
    ("CentOS8", "orc_entry", "type", (5, "bits(0,2)"), (4, "bits(8,10)")),
    ("CentOS8", "orc_entry", "end", (5, "bits(2,3)"), (4, "bits(10,11)")),
];

fn with_their_units(pack: &str, text: &mut Text) {
    let mut done = BTreeSet::new();
    for (of, name, member, ours, theirs) in OTHER_UNITS {
        if pack.contains(of) && done.insert((name, member)) {
            text.replace(name, member, ours, theirs);
        }
    }
}

#[test]
#[ignore = "needs PROFILE_CORPUS"]
fn every_member_of_every_named_struct_of_a_dump_matches_the_facts() {
    let mut compared = 0;
    every_profile(|pack, corpus, converted| {
        let Some(facts) = corpus.facts(pack).filter(|facts| !facts.is_mac()) else { return };
        let mut text = Text::of(&converted.profile, &facts);
        let facts = match pack {
            // The facts' reader does not support readelf's text, which is a dump of the same module.
            "synth__edge-readelf" => corpus.facts("synth__edge-nondense").unwrap(),
            // The text does not give the byte order, and the facts count bits from the wrong end. In DWARF 4 the same
            // module is unambiguous.
            "synth__synth-mips-dw5" => corpus.facts("synth__synth-mips-dw4").unwrap(),
            // They read the truncated line as a member without a type at offset 0.
            "synth__edge-truncated" => {
                assert!(converted.report.warnings()[0].contains("ends in the middle of line 150"));
                assert!(!text.structs["nest"].1.contains_key("named_u"));
                assert_eq!(text.structs["nest"].1["named_anon"], (28, "__anon".to_owned()));
                return;
            }
            _ => facts,
        };
        with_their_units(pack, &mut text);
        assert_eq!(text.sizes_sha256(), facts.struct_sizes_sha256, "{pack}");
        assert_eq!(text.layout_sha256(), facts.layout_sha256, "{pack}");
        compared += 1;
    });
    assert_eq!(compared, 57);
}

/// The facts have the values in the vtypes; where we correct them, this restores the original.
fn as_the_pack_has_it(pack: &str, text: &mut Text) {
    let (lost_bounds, hexadecimal) =
        (pack.contains("10.11") || pack.contains("10.13"), pack.contains("10.13"));
    for (_, members) in text.structs.values_mut() {
        for (_, ty) in members.values_mut() {
            if let Some((start, end)) = bits(ty) {
                // Widths printed in decimal were read as hexadecimal.
                let width = (end - start).to_string();
                let width = if hexadecimal { u64::from_str_radix(&width, 16).unwrap() } else { end - start };
                *ty = format!("bits({start},{})", start + width);
            }
            let mut counts = Vec::new();
            let mut element = ty.as_str();
            while let Some(inner) = element.strip_prefix("arr(").and_then(|inner| inner.strip_suffix(')')) {
                let (count, inner) = inner.split_once(',').unwrap();
                counts.push(if lost_bounds { "0" } else { count });
                element = inner;
            }
            // The last bound is the outermost.
            let reversed =
                counts.iter().fold(element.to_owned(), |element, count| format!("arr({count},{element})"));
            *ty = reversed;
        }
    }
}

fn bits(ty: &str) -> Option<(u64, u64)> {
    let (start, end) = ty.strip_prefix("bits(")?.strip_suffix(')')?.split_once(',')?;
    Some((start.parse().unwrap(), end.parse().unwrap()))
}

#[test]
#[ignore = "needs PROFILE_CORPUS"]
fn the_structs_of_macos_packs_match_the_facts() {
    let mut packs = 0;
    every_profile(|pack, corpus, converted| {
        let Some(facts) = corpus.facts(pack).filter(Facts::is_mac) else { return };
        let mut text = Text::of(&converted.profile, &facts);
        assert_eq!(text.sizes_sha256(), facts.struct_sizes_sha256, "{pack}");
        as_the_pack_has_it(pack, &mut text);
        for (name, (size, members)) in &facts.known {
            let (our_size, ours) = &text.structs[name];
            assert_eq!(our_size, size, "{pack}: {name}");
            for fact in members.split(';').filter(|fact| !fact.is_empty()) {
                let (member, place) = fact.split_once('@').unwrap();
                // Ours dissolves unnamed members.
                if member.starts_with("__unnamed_") {
                    continue;
                }
                let (offset, ty) = &ours[member];
                let (their_offset, their_ty) = place.split_once(':').unwrap();
                assert_eq!(
                    (offset.to_string().as_str(), ty.as_str()),
                    (their_offset, their_ty),
                    "{pack}: {name}.{member}"
                );
            }
        }
        if pack.contains("10.5.6") {
            // A packed struct of seven bytes, and the only member whose bits the tool wrapped.
            text.replace("pasc", "g", (5, "bits(2,9)"), (4, "bits(10,17)"));
            text.replace("pasc", "h", (6, "bits(1,8)"), (4, "bits(17,24)"));
            text.replace("pasc", "e", (3, "bits(4,11)"), (0, "bits(-4294967268,-4294967261)"));
            assert_eq!(text.layout_sha256(), facts.layout_sha256, "{pack}");
        }
        packs += 1;
    });
    assert_eq!(packs, 7);
}

#[test]
#[ignore = "needs PROFILE_CORPUS"]
fn information_lost_in_macos_packs_is_reconstructed() {
    let corpus = Corpus::open();
    let pack = "vf__Mac__10.13__10.13.4_17E199";
    let converted = corpus.convert(pack).unwrap();
    let text = Text::of(&converted.profile, &corpus.facts(pack).unwrap());
    let member = |name: &str, member: &str| {
        let (offset, ty) = &text.structs[name].1[member];
        format!("{offset} {ty}")
    };
    // xnu-4570.51.1: char p_comm[MAXCOMLEN + 1], MAXCOMLEN being 16; uint32_t all_wanted:11; uint32_t pad:22.
    assert_eq!(member("proc", "p_comm"), "736 arr(17,char)");
    assert_eq!(member("vm_object", "all_wanted"), "116 bits(0,11)");
    assert_eq!(member("_vm_map", "pad"), "241 bits(2,24)");
    // union { struct { uint64_t c_offset:16, c_size:12, c_packed_ptr:36; } }
    assert_eq!(member("c_slot", "c_packed_ptr"), "0 bits(28,64)");
    // char p_name[2 * MAXCOMLEN + 1] precedes padding, so its bound is not proved.
    assert_eq!(member("proc", "p_name"), "753 arr(0,char)");
    let unproved = "arrays whose bound the pack lacks and the layout does not prove";
    assert!(converted.report.count(unproved) > 0);
    // The same field in a pack that has it right.
    let older = "vf__Mac__10.10__x64__Yosemite_10.10.1_14b25_14a389";
    let older = Text::of(&corpus.convert(older).unwrap().profile, &corpus.facts(older).unwrap());
    assert_eq!(older.structs["IONVRAMDescriptor"].1["bridgeDevices"], (1, "bits(2,32)".to_owned()));
    assert_eq!(member("IONVRAMDescriptor", "bridgeDevices"), "1 bits(2,32)");
    // C has key[3], three blocks of eight bytes.
    let (text, _) = printed(corpus.convert("vf__Mac__10.6__x64__SnowLeopard_10.6.6_AMD").unwrap());
    let profile: Value = serde_json::from_slice(&text).unwrap();
    let mut keys = profile["$STRUCTS"].as_object().unwrap().values().map(|item| &item[1]["ckey"]);
    assert_eq!(
        keys.find(|key| key.is_array()).unwrap()[1],
        serde_json::json!(["Array", {"count": 3, "target": "Array", "target_args": {"count": 8, "target": "unsigned char"}}])
    );
}

fn constants(profile: &Profile) -> BTreeMap<&str, u64> {
    profile.constants.iter().map(|(name, address)| (profile.names.get(*name), *address)).collect()
}

/// `name\taddress
/// `, sorted, as it is hashed for the facts.
fn symbols_sha256(symbols: &BTreeMap<Vec<u8>, u64>) -> String {
    use sha2::{Digest, Sha256};
    let mut lines: Vec<Vec<u8>> = symbols
        .iter()
        .map(|(name, address)| [name, format!("\t{address:x}\n").as_bytes()].concat())
        .collect();
    lines.sort_unstable();
    Sha256::digest(lines.concat()).iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
#[ignore = "needs PROFILE_CORPUS"]
fn the_symbols_of_every_map_match_the_facts() {
    every_profile(|pack, corpus, converted| {
        let Some(facts) = corpus.facts(pack).filter(|facts| !facts.is_mac()) else { return };
        let ours = constants(&converted.profile);
        let Some(text) = corpus.member(pack, "system.map") else {
            assert!(ours.is_empty() && facts.symbols.distinct == 0, "{pack}");
            return;
        };
        let map = SystemMap::parse(&text);
        let (mut first, mut last) = (BTreeMap::new(), BTreeMap::new());
        for symbol in &map.symbols {
            first.entry(symbol.name.to_vec()).or_insert(symbol.address);
            last.insert(symbol.name.to_vec(), symbol.address);
        }
        // The facts include the symbols of modules, lack the line with the byte order mark, and hash a different
        // decoding of bytes that are not UTF-8.
        if !["synth__edge-mapmodules", "synth__edge-bom", "synth__edge-nonutf8"].contains(&pack) {
            assert_eq!(symbols_sha256(&first), facts.symbols.first_sha256, "{pack}");
            assert_eq!(symbols_sha256(&last), facts.symbols.last_sha256, "{pack}");
            assert_eq!(ours.len(), facts.symbols.distinct, "{pack}");
        }
        for (name, address) in &facts.symbols.some {
            assert_eq!(ours[name.as_str()], u64::from_str_radix(address, 16).unwrap(), "{pack}: {name}");
        }
        for (name, address) in ours {
            let known = map
                .symbols
                .iter()
                .any(|symbol| symbol.address == address && String::from_utf8_lossy(symbol.name) == name);
            assert!(known || map.symbols.len() > 1000, "{pack}: {name}");
        }
    });
}

#[test]
#[ignore = "needs PROFILE_CORPUS"]
fn the_symbols_of_every_macos_kernel_match_the_facts() {
    every_profile(|pack, corpus, converted| {
        let Some(facts) = corpus.facts(pack).filter(Facts::is_mac) else { return };
        let text = corpus.member(pack, "dsymutil").unwrap();
        let tables = SymbolTable::parse_all(&text);
        // Global before local; of several local ones the facts have the last.
        let mut theirs = BTreeMap::new();
        for global in [false, true] {
            for symbol in
                tables[0].symbols.iter().filter(|symbol| (symbol.binding == Binding::Global) == global)
            {
                theirs.insert(symbol.name.to_vec(), symbol.address);
            }
        }
        assert_eq!(symbols_sha256(&theirs), facts.symbols.nlist_sha256, "{pack}");
        let ours = constants(&converted.profile);
        assert_eq!(ours.len(), facts.symbols.nlist_n, "{pack}");
        for (name, address) in &facts.symbols.some {
            assert_eq!(ours[name.as_str()], u64::from_str_radix(address, 16).unwrap(), "{pack}: {name}");
        }
    });
}

#[test]
#[ignore = "needs PROFILE_CORPUS"]
fn sizes_and_offsets_are_the_compilers() {
    let corpus = Corpus::open();
    let mut compared = 0;
    for machine in ["x86_64", "i686", "arm", "aarch64", "mips"] {
        let truth =
            std::fs::read_to_string(corpus.path(&format!("volatility/synth-truth/{machine}.truth"))).unwrap();
        for version in 2..=5 {
            let pack = format!("synth__synth-{machine}-dw{version}");
            let converted = corpus.convert(&pack).unwrap();
            let text = Text::of(&converted.profile, &corpus.facts(&pack).unwrap());
            for line in truth.lines() {
                let words: Vec<&str> = line.split(' ').collect();
                let (name, rest) = (words[2], &words[3..]);
                let (size, members) = &text.structs[name];
                let (ours, theirs) = match rest {
                    [member, offset] => (members[*member].0, offset),
                    [expected] => (*size, expected),
                    _ => panic!("{line}"),
                };
                assert_eq!(ours.to_string(), **theirs, "{pack}: {line}");
                compared += 1;
            }
        }
    }
    assert_eq!(compared, 5 * 4 * 68);
}

#[test]
#[ignore = "needs PROFILE_CORPUS"]
fn types_of_two_units_that_share_a_number_are_kept_apart() {
    // Both references use file.f_count for the {a, b} halves of a segment descriptor.
    let corpus = Corpus::open();
    let (text, _) = printed(corpus.convert("vf__Linux__Ubuntu__x64__Ubuntu1310").unwrap());
    let profile: Value = serde_json::from_slice(&text).unwrap();
    let structs = &profile["$STRUCTS"];
    let count = structs["file"][1]["f_count"][1][0].as_str().unwrap();
    assert_eq!(count, "atomic64_t");
    assert_eq!(structs[count], serde_json::json!([8, {"counter": [0, ["long"]]}]));
    assert_eq!(structs["work_struct"][1]["data"][1][0], "atomic64_t");
}

#[test]
#[ignore = "needs PROFILE_CORPUS"]
fn machines_and_kernels_are_told() {
    let mut told = BTreeMap::new();
    every_profile(|pack, _, converted| {
        let profile = converted.profile;
        let release = profile.metadata_text("Release").unwrap_or("").to_owned();
        let class = profile.metadata_text("ProfileClass").unwrap().to_owned();
        let pae = profile.config.contains_key("CONFIG_X86_PAE");
        told.insert(pack.to_owned(), (profile.system, profile.arch, class, release, pae));
    });
    let expect = |pack: &str, arch: Arch, release: &str, pae: bool| {
        let found = &told[pack];
        assert_eq!(
            (found.0, found.1, found.2.as_str(), found.3.as_str(), found.4),
            (System::Linux, arch, "Linux", release, pae),
            "{pack}"
        );
    };
    expect("vf__Linux__RedHat__x86__RedHat56", Arch::Amd64, "2.6.18-238.el5", false);
    expect("vf__Linux__CentOS__x86__CentOS55", Arch::I386, "2.6.18-194.el5", false);
    expect("zi-mt+volatility2-profiles__Debian-10.6.0_4.19.0-11-686", Arch::I386, "4.19.0-11-686", true);
    // The file's name is wrong.
    expect("KDPryor+LinuxVolProfiles__ubuntu-3.13.0-27-generic-x86", Arch::I386, "3.11.0-15-generic", true);
    expect(
        "MR-chenliang+AndroidDeepmem__volatility__volatility__plugins__linux__goldfish-4.14",
        Arch::Amd64,
        "",
        false,
    );
    for (machine, arch) in [
        ("arm", Arch::Arm),
        ("aarch64", Arch::Arm64),
        ("mips", Arch::Mips),
        ("i686", Arch::I386),
        ("x86_64", Arch::Amd64),
    ] {
        for version in 2..=5 {
            assert_eq!(told[&format!("synth__synth-{machine}-dw{version}")].1, arch, "{machine}");
        }
    }
    let found = &told["vf__Mac__10.5__x86__Leopard_10.5.6_Intel"];
    assert_eq!((found.0, found.1, found.2.as_str()), (System::Mac, Arch::I386, "Darwin32"));
    let found = &told["vf__Mac__10.6__x64__SnowLeopard_10.6.6_AMD"];
    assert_eq!((found.0, found.1, found.2.as_str()), (System::Mac, Arch::Amd64, "Darwin64"));
}

#[test]
#[ignore = "needs PROFILE_CORPUS"]
fn one_kernel_dumped_in_two_versions_of_dwarf_gives_the_same_structs() {
    let corpus = Corpus::open();
    let structs = |version| {
        let (text, _) =
            printed(corpus.convert(&format!("made__Debian12_6.1.0-56-cloud-amd64-dw{version}")).unwrap());
        serde_json::from_slice::<Value>(&text).unwrap()["$STRUCTS"].take()
    };
    let (four, five) = (structs(4), structs(5));
    assert!(four.as_object().unwrap().len() > 1000);
    assert!(four == five);
}

#[test]
#[ignore = "needs PROFILE_CORPUS"]
fn two_runs_give_the_same_bytes() {
    let corpus = Corpus::open();
    for pack in ["vf__Linux__Ubuntu__x64__Ubuntu18043", "vf__Mac__10.13__10.13.4_17E199"] {
        assert!(printed(corpus.convert(pack).unwrap()) == printed(corpus.convert(pack).unwrap()), "{pack}");
    }
}

#[test]
#[ignore = "needs PROFILE_CORPUS"]
fn the_legacy_text_of_the_golden_pack_equals_rekalls() {
    let corpus = Corpus::open();
    let pack = Pack::open(&corpus.path("golden/HighSierra_10.13.3_17D47.zip")).unwrap();
    let text = write_legacy(&pack, Vec::new()).unwrap();
    assert_eq!(
        hash(vec![String::from_utf8(text.clone()).unwrap()]),
        "7943dc25e7d384ac7209c6dcd6821f9e8907dededc5fef1cbfe3fe93ce6537cb"
    );
    // And the facts about Rekall's text, read as JSON, so that not everything depends on one hash.
    let xz =
        Command::new("xz").arg("-dc").arg(corpus.path("golden/HighSierra_10.13.3_17D47.json.xz")).output();
    let theirs: Value = serde_json::from_slice(&xz.expect("xz runs").stdout).unwrap();
    let ours: Value = serde_json::from_slice(&text).unwrap();
    assert!(ours == theirs);
}

/// The result of Rekall's converter, run with Python 2.7, for every pack: the number of structs, or why it stopped.
#[test]
#[ignore = "needs PROFILE_CORPUS"]
fn legacy_texts_have_rekalls_structs_and_stop_where_rekall_does() {
    let corpus = Corpus::open();
    let mut compared = 0;
    for pack in corpus.packs().iter().filter(|pack| !pack.starts_with("made__")) {
        let facts = std::fs::read(corpus.path(&format!("volatility/facts/{pack}.json"))).unwrap();
        let facts: Value = serde_json::from_slice(&facts).unwrap();
        let rekall = &facts["rekall"];
        match write_legacy(&corpus.pack(pack), Vec::new()) {
            Ok(text) => {
                let ours: Value = serde_json::from_slice(&text).unwrap();
                let count = |section: &str| ours[section].as_object().map_or(0, serde_json::Map::len);
                assert_eq!(Value::from(count("$STRUCTS")), rekall["n_structs"], "{pack}");
                assert_eq!(Value::from(count("$CONSTANTS")), rekall["n_constants"], "{pack}");
                assert_eq!(ours["$METADATA"], rekall["metadata"], "{pack}");
                compared += 1;
            }
            // An empty profile does not count.
            Err(Error::NoLegacyText { .. }) if rekall["n_structs"] == 0 => {}
            Err(Error::NoLegacyText { reason }) => {
                let theirs = rekall["error"].as_str().unwrap_or_else(|| panic!("{pack}: {reason}"));
                let key = theirs.split('\'').nth(1).unwrap_or(theirs);
                let known =
                    theirs == "no converter" || theirs.starts_with("ValueError") || reason.contains(key);
                assert!(known, "{pack}: {reason}, Rekall: {theirs}");
            }
            Err(other) => panic!("{pack}: {other}"),
        }
    }
    assert_eq!(compared, 23);
}
