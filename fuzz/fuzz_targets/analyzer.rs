//! A profile and a memory that both lie: the small profile of a kernel whose offsets and addresses the input chooses, over
//! pages of the input. Whatever comes of it, the work is bounded, every list ends, and the verdict is one of three.
#![no_main]

use analyzer::linux::CarriedSymbols;
use analyzer::windows::UnprofiledWindows;
use analyzer::{Guest, Layout, Scope, Verdict, validate};
use image::{Image, ScanPlan};
use libfuzzer_sys::fuzz_target;
use profile::Text;

/// The members that lists and checks read, without their offsets.
const MEMBERS: [(&str, &str, &str); 18] = [
    ("task_struct", "tasks", r#"["list_head"]"#),
    ("task_struct", "pid", r#"["int"]"#),
    ("task_struct", "tgid", r#"["int"]"#),
    ("task_struct", "comm", r#"["Array", {"count": 16, "target": "char"}]"#),
    ("task_struct", "real_parent", r#"["Pointer", {"target": "task_struct"}]"#),
    ("task_struct", "signal", r#"["Pointer", {"target": "signal_struct"}]"#),
    ("task_struct", "children", r#"["list_head"]"#),
    ("task_struct", "sibling", r#"["list_head"]"#),
    ("task_struct", "mm", r#"["Pointer", {"target": "mm_struct"}]"#),
    ("task_struct", "flags", r#"["unsigned int"]"#),
    ("signal_struct", "thread_head", r#"["list_head"]"#),
    ("signal_struct", "nr_threads", r#"["int"]"#),
    ("mm_struct", "mm_mt", r#"["maple_tree"]"#),
    ("mm_struct", "pgd", r#"["Pointer", {"target": "Void"}]"#),
    ("maple_range_64", "slot", r#"["Array", {"count": 16, "target": "unsigned long"}]"#),
    ("maple_range_64", "pivot", r#"["Array", {"count": 15, "target": "unsigned long"}]"#),
    ("module", "list", r#"["list_head"]"#),
    ("module", "name", r#"["Array", {"count": 56, "target": "char"}]"#),
];

const SYMBOLS: [&str; 6] =
    ["linux_banner", "init_task", "init_top_pgt", "modules", "vmcoreinfo_data", "super_blocks"];

fuzz_target!(|input: &[u8]| {
    let Some((choices, memory)) = input.split_at_checked(MEMBERS.len() + SYMBOLS.len() * 2) else { return };
    let (offsets, addresses) = choices.split_at(MEMBERS.len());
    let mut structs = std::collections::BTreeMap::<&str, Vec<String>>::new();
    for ((name, member, ty), offset) in MEMBERS.iter().zip(offsets) {
        structs.entry(name).or_default().push(format!(r#""{member}": [{}, {ty}]"#, u64::from(*offset) * 4));
    }
    let structs: Vec<String> = structs
        .iter()
        .map(|(name, members)| format!(r#""{name}": [1024, {{{}}}]"#, members.join(", ")))
        .collect();
    let symbols: Vec<String> = SYMBOLS
        .iter()
        .zip(addresses.as_chunks::<2>().0)
        .map(|(name, address)| {
            let address = 0xffff_ffff_8000_0000 + u64::from(u16::from_le_bytes(*address)) * 8;
            format!(r#""{name}": {address}"#)
        })
        .collect();
    let text = format!(
        r#"{{"$CONSTANTS": {{{}}}, "$METADATA": {{"ProfileClass": "Linux", "Type": "Profile", "arch": "AMD64"}},
            "$STRUCTS": {{"list_head": [16, {{"next": [0, ["Pointer", {{"target": "list_head"}}]],
            "prev": [8, ["Pointer", {{"target": "list_head"}}]]}}],
            "maple_tree": [16, {{"ma_root": [8, ["Pointer", {{"target": "Void"}}]]}}], {}}}}}"#,
        symbols.join(", "),
        structs.join(", ")
    );
    let layout = Layout::from_text(Text::new(text.into_bytes()).expect("its sections are there"));
    let mut content = memory.to_vec();
    content.resize(memory.len().next_multiple_of(4096).max(1 << 16), 0);
    let Ok(image) = Image::from_content(content) else { return };
    if let Some(kernel) = UnprofiledWindows::find(&image, image.hints(), &ScanPlan::default()) {
        let _ = (kernel.read(0, 64), kernel.exports.symbols.len());
    }
    let _ = CarriedSymbols::find(&image, &ScanPlan::default()).map(|symbols| symbols.len());
    if let Ok(guest) = Guest::find(&image, &layout, &ScanPlan::default()) {
        let _ = (guest.processes(), guest.modules(), guest.facts());
    }
    if let Ok(found) = validate(&image, &layout, Scope::Whole, &ScanPlan::default()) {
        let failed = found.checks.iter().any(|check| check.outcome == analyzer::CheckOutcome::Failed);
        assert_eq!(found.verdict == Verdict::Mismatch, failed);
    }
});
