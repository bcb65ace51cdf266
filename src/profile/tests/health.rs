//! The verdict: when a profile is complete, symbols only, or failed.

#![allow(clippy::unwrap_used)]

use profile::{
    Arch, Consumer, FileForm, Health, NativeKind, NewMember, Profile, RecordKind, Report, Resolution, Scope,
    System, Type, Verdict, member_offset, obstacles,
};

/// A struct whose members are all four bytes, one after the other.
fn record(profile: &mut Profile, name: &str, members: &[&str]) -> profile::RecordId {
    let int = profile.native("unsigned int", 4, NativeKind::Unsigned);
    let int = profile.types.add(int);
    let members: Vec<NewMember> = members
        .iter()
        .enumerate()
        .map(|(index, member)| NewMember {
            name: Some(profile.intern(member)),
            offset: 4 * index as u64,
            ty: int,
            bits: None,
        })
        .collect();
    let name = (!name.is_empty()).then(|| profile.intern(name));
    let size = 4 * members.len() as u64;
    profile.types.add_record(&mut profile.names, name, RecordKind::Struct, size, &members)
}

fn symbol(profile: &mut Profile, name: &str) {
    let name = profile.intern(name);
    profile.constants.push((name, 0x1000));
}

fn judged(profile: &mut Profile) -> Health {
    let resolution = Resolution::new(profile, &mut Report::default());
    Health::of(profile, &resolution, Scope::Whole)
}

fn windows(pdb: &str) -> Profile {
    let mut profile = Profile::new(System::Windows, Arch::Amd64);
    profile.set_metadata("PDBFile", pdb);
    profile
}

fn linux_kernel() -> Profile {
    let mut profile = Profile::new(System::Linux, Arch::Amd64);
    record(&mut profile, "task_struct", &["tasks", "pid", "comm", "mm"]);
    record(&mut profile, "mm_struct", &["pgd"]);
    symbol(&mut profile, "init_task");
    profile
}

#[test]
fn a_kernel_with_what_every_reader_needs_is_complete() {
    let health = judged(&mut linux_kernel());
    assert_eq!((health.verdict, health.reasons.len()), (Verdict::Complete, 0));
    let required: Vec<_> = health.missing.iter().filter(|missing| missing.required).collect();
    assert_eq!(required.len(), 1, "{required:?}");
    assert_eq!(required[0].consumer, Consumer::Volatility3);
    assert_eq!(required[0].what, "linux_banner");
}

#[test]
fn a_kernel_that_lacks_one_of_them_failed() {
    let mut profile = Profile::new(System::Linux, Arch::Amd64);
    record(&mut profile, "task_struct", &["tasks", "pid", "comm"]);
    record(&mut profile, "mm_struct", &["pgd"]);
    symbol(&mut profile, "init_task");
    let health = judged(&mut profile);
    assert_eq!(health.verdict, Verdict::Failed);
    assert_eq!(health.reasons, ["no reader works without task_struct.mm"]);
}

#[test]
fn a_kernel_without_types_failed_and_a_module_without_types_has_symbols_only() {
    let mut kernel = windows("ntkrnlmp.pdb");
    symbol(&mut kernel, "PsActiveProcessHead");
    assert_eq!(judged(&mut kernel).verdict, Verdict::Failed);
    let mut module = windows("rpcrt4.pdb");
    symbol(&mut module, "RpcServerListen");
    assert_eq!(judged(&mut module).verdict, Verdict::SymbolsOnly);
}

/// A profile of `system` with a symbol and with structs of which a kernel's reader would miss everything.
fn with_symbol(system: System, defined: &str) -> Health {
    let mut profile = Profile::new(system, Arch::Amd64);
    record(&mut profile, "driver_state", &["count"]);
    symbol(&mut profile, "_driver_start");
    symbol(&mut profile, defined);
    judged(&mut profile)
}

#[test]
fn programs_modules_and_kexts_are_not_judged_as_kernels() {
    for (system, program, kernel) in [
        (System::Mac, "_kmod_info", "_allproc"),
        (System::Mac, "__mh_execute_header", "_kernel_pmap"),
        (System::Mac, "_main", "kernproc"),
        (System::Linux, "main", "linux_banner"),
        (System::Linux, "_start", "init_mm"),
        (System::Linux, "init_module", "start_kernel"),
    ] {
        let health = with_symbol(system, program);
        assert_eq!((health.verdict, health.kernel), (Verdict::Complete, false), "{program}");
        assert!(health.missing.is_empty(), "{program}: {:?}", health.missing);
        let health = with_symbol(system, kernel);
        assert_eq!((health.verdict, health.kernel), (Verdict::Failed, true), "{kernel}");
    }
    // A kext uses the kernel's structs, which does not make it a kernel. It may be without types, too.
    let mut kext = Profile::new(System::Mac, Arch::Arm64);
    record(&mut kext, "proc", &["p_list"]);
    symbol(&mut kext, "_kmod_info");
    assert_eq!(judged(&mut kext).verdict, Verdict::Complete);
    let mut stripped = Profile::new(System::Mac, Arch::Arm64);
    symbol(&mut stripped, "_kmod_info");
    assert_eq!(judged(&mut stripped).verdict, Verdict::SymbolsOnly);
}

#[test]
fn a_linux_kernel_whose_map_was_cut_is_still_a_kernel() {
    let mut profile = Profile::new(System::Linux, Arch::Amd64);
    record(&mut profile, "task_struct", &["tasks", "pid", "comm", "mm"]);
    record(&mut profile, "mm_struct", &["pgd"]);
    symbol(&mut profile, "zap_locks");
    let health = judged(&mut profile);
    assert_eq!(health.verdict, Verdict::Failed);
    assert_eq!(health.reasons, ["no reader works without init_task"]);
    // By its addresses, if nothing else is left of it.
    let mut profile = Profile::new(System::Linux, Arch::Amd64);
    record(&mut profile, "list_head", &["next"]);
    let name = profile.intern("zap_locks");
    profile.constants.push((name, 0xffff_ffff_8100_0000));
    assert!(judged(&mut profile).kernel);
}

#[test]
fn an_empty_profile_failed() {
    let health = judged(&mut windows("empty.pdb"));
    assert_eq!(health.verdict, Verdict::Failed);
    assert_eq!(health.reasons, ["it is empty: no structs, no symbols"]);
}

#[test]
fn a_symlink_is_complete_as_it_is() {
    let mut profile = Profile::new(System::Other, Arch::Amd64);
    profile.set_metadata("Type", "Symlink");
    profile.set_metadata("Target", "nt/GUID/F8E2A8B5C9B74BF4A6E4A48F180099942");
    assert_eq!(judged(&mut profile).verdict, Verdict::Complete);
}

#[test]
fn members_of_members_without_a_name_count_as_the_structs_own() {
    // Kernels with randomised layouts keep their fields in an anonymous struct.
    let mut profile = Profile::new(System::Linux, Arch::Amd64);
    let inner = record(&mut profile, "", &["tasks", "pid"]);
    let inner = profile.types.add(Type::Record(inner));
    let name = Some(profile.intern("task_struct"));
    let member = NewMember { name: None, offset: 16, ty: inner, bits: None };
    profile.types.add_record(&mut profile.names, name, RecordKind::Struct, 24, &[member]);
    let resolution = Resolution::new(&mut profile, &mut Report::default());
    assert_eq!(member_offset(&profile, &resolution, "task_struct", "pid"), Some(20));
    assert_eq!(member_offset(&profile, &resolution, "task_struct", "comm"), None);
}

#[test]
fn types_that_are_defined_nowhere_are_counted_once() {
    let mut profile = linux_kernel();
    let opaque = profile.intern("bpf_local_storage");
    let opaque = profile.types.add(Type::Named(opaque));
    let pointer = profile.types.add(Type::Pointer { target: opaque, size: 8 });
    for variable in ["one", "two"] {
        let variable = profile.intern(variable);
        profile.constant_types.push((variable, pointer));
    }
    assert_eq!(judged(&mut profile).opaque, 1);
}

#[test]
fn symbols_that_were_left_out_on_purpose_are_not_missed() {
    let mut profile = windows("ntoskrnl.pdb");
    record(&mut profile, "_EPROCESS", &["ActiveProcessLinks", "UniqueProcessId", "ImageFileName"]);
    record(&mut profile, "_KPROCESS", &["DirectoryTableBase"]);
    assert_eq!(judged(&mut profile).verdict, Verdict::Failed);
    let resolution = Resolution::new(&mut profile, &mut Report::default());
    assert_eq!(Health::of(&profile, &resolution, Scope::Types).verdict, Verdict::Complete);
}

#[test]
fn undefined_types_held_by_value_are_named() {
    let text = serde_json::json!({
        "$METADATA": {"ProfileClass": "Linux", "arch": "AMD64"},
        "$STRUCTS": {"s": [24, {
            "known": [0, ["_Bool"]],
            "lost": [4, ["Array", {"count": 2, "target": "lost_struct"}]],
            "opaque": [16, ["Pointer", {"target": "opaque_struct"}]],
        }]},
    });
    let mut profile = profile::read_text(text.to_string().as_bytes(), &mut Report::default()).unwrap();
    let health = judged(&mut profile);
    assert_eq!((health.unresolved, health.opaque), (vec!["lost_struct".to_owned()], 1));
}

/// The consumers that cannot use a file that begins with `bytes` and holds `text`.
fn hindered(profile: &Profile, bytes: &[u8], text: &str) -> Vec<Consumer> {
    let mut consumers: Vec<Consumer> = obstacles(profile, FileForm::of(bytes, text.as_bytes()))
        .iter()
        .map(|obstacle| obstacle.consumer)
        .collect();
    consumers.dedup();
    consumers
}

#[test]
fn consumers_that_cannot_use_the_file_are_named() {
    use Consumer::{Drakvuf, LibVmi, Rekall, Volatility3};
    const GZIP: &[u8] = &[0x1f, 0x8b, 8];
    const XZ: &[u8] = b"\xfd7zXZ\0";
    let (rekall, isf) = (r#"{"$METADATA": {}}"#, r#"{"metadata": {}}"#);
    let mut profile = windows("ntoskrnl.pdb");
    profile.set_metadata("GUID_AGE", "32962337F0F646388B39535CD8DD70E82");
    assert_eq!(hindered(&profile, b"{", rekall), [Volatility3]);
    assert_eq!(hindered(&profile, GZIP, rekall), [LibVmi, Drakvuf, Volatility3]);
    assert_eq!(hindered(&profile, XZ, rekall), [Rekall, LibVmi, Drakvuf, Volatility3]);
    assert_eq!(hindered(&profile, XZ, isf), [Rekall, LibVmi, Drakvuf]);
    assert_eq!(hindered(&profile, b"{", isf), [Rekall]);
    symbol(&mut profile, "PsInitialSystemProcess");
    profile.functions = profile.constants.clone();
    assert_eq!(hindered(&profile, b"{", rekall), [Drakvuf, Volatility3]);
    profile.metadata.remove("GUID_AGE");
    assert_eq!(hindered(&profile, b"{", isf), [Rekall, Volatility3]);

    let mut kernel = linux_kernel();
    kernel.set_metadata("Banner", "Linux version 6.1.0 (me)");
    // Its task has no type, and Volatility finds the processes in no other way.
    assert_eq!(hindered(&kernel, b"{", isf), [Rekall, Volatility3]);
    assert_eq!(hindered(&kernel, b"{", rekall), [Volatility3]);
    kernel.constants[0].1 = 0xffff_ffff_8100_0000;
    assert_eq!(hindered(&kernel, b"{", rekall), [LibVmi, Drakvuf, Volatility3]);
    profile::add_well_known_types(&mut kernel);
    assert_eq!(hindered(&kernel, b"{", isf), [Rekall]);
    kernel.metadata.remove("Banner");
    assert_eq!(hindered(&kernel, b"{", isf), [Rekall, Volatility3]);
}

/// What `consumer` would miss in a kernel with the structs and symbols in `text`.
fn missed(text: &str, consumer: Consumer) -> Vec<String> {
    let mut profile = profile::read_text(text.as_bytes(), &mut Report::default()).unwrap();
    let missing = judged(&mut profile).missing.into_iter();
    missing.filter(|missing| missing.consumer == consumer).map(|missing| missing.what).collect()
}

#[test]
fn names_of_either_version_are_enough_and_optional() {
    let kernel = |members: &str, arch: &str| {
        format!(
            r#"{{"$METADATA": {{"ProfileClass": "Nt", "arch": "{arch}"}},
              "$STRUCTS": {{"_EPROCESS": [64, {{{members}}}]}}, "$CONSTANTS": {{"x": 1}}}}"#
        )
    };
    let wow = "_EPROCESS.WoW64Process or _EPROCESS.Wow64Process".to_owned();
    for name in ["WoW64Process", "Wow64Process"] {
        let text = kernel(&format!(r#""{name}": [0, ["Pointer", {{"target": "Void"}}]]"#), "AMD64");
        assert!(!missed(&text, Consumer::Drakvuf).contains(&wow), "{name}");
    }
    let without = missed(&kernel("", "AMD64"), Consumer::Drakvuf);
    for name in [&*wow, "_KPCR.UserRsp", "_OBJECT_ATTRIBUTES.RootDirectory", "_SEGMENT.PrototypePte"] {
        assert!(without.iter().any(|missing| missing == name), "{name}: {without:?}");
    }
    // A 32-bit kernel never has them.
    let narrow = missed(&kernel("", "I386"), Consumer::Drakvuf);
    assert!(!narrow.iter().any(|name| name == "_KPCR.UserRsp" || name == "_KPRCB.RspBase"), "{narrow:?}");
}
