//! Symbol maps, tables, configurations and banners: what is read is the text's own.
#![no_main]

use libfuzzer_sys::fuzz_target;
use maps::{
    Banner, KernelConfig, SymbolTable, SystemMap, arch_of_flags, arch_of_release, arch_of_symbols, release_in_path,
};

fuzz_target!(|bytes: &[u8]| {
    let map = SystemMap::parse(bytes);
    let lines = bytes.split(|byte| *byte == b'\n').count() as u64;
    assert!(map.symbols.len() as u64 + map.of_modules + map.skipped <= lines);
    assert!(map.symbols.iter().all(|symbol| !symbol.name.is_empty()));
    let _ = (arch_of_symbols(&map.symbols), map.is_hidden());
    for table in SymbolTable::parse_all(bytes) {
        assert!(table.symbols.iter().all(|symbol| symbol.address != 0));
    }
    let config = KernelConfig::parse(bytes);
    let printed: String = config.options.iter().map(|(option, value)| format!("{option}=\"{value}\"\n")).collect();
    let again = KernelConfig::parse(printed.as_bytes());
    // A value with quotes of its own loses them the second time.
    assert_eq!(config.options.len(), again.options.len());
    let text = String::from_utf8_lossy(bytes);
    let _ = (arch_of_flags(&text), arch_of_release(&text), release_in_path(&text));
    if let Some(banner) = Banner::find(bytes) {
        assert_eq!(Banner::find(banner.text.as_bytes()).as_ref(), Some(&banner));
    }
});
