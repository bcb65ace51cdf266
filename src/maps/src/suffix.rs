/// The name that a compiler gave suffixes to (`x.llvm.1513`, `f.isra.0`, `f.part.0.cold`), without them; `None` for a
/// name without such suffixes. A plain number (`count.3`) distinguishes static variables of functions and is kept.
pub(crate) fn without_suffixes(name: &str) -> Option<&str> {
    let mut plain = name;
    while let Some(shorter) = without_suffix(plain) {
        plain = shorter;
    }
    (plain.len() < name.len()).then_some(plain)
}

/// Suffixes that compilers add: clang with ThinLTO, and GCC when it clones a function or merges compile units.
const WORDS: [&str; 6] = ["llvm", "isra", "constprop", "part", "cold", "lto_priv"];

fn without_suffix(name: &str) -> Option<&str> {
    let (before, last) = name.rsplit_once('.')?;
    let plain = if last.bytes().all(|byte| byte.is_ascii_digit()) && !last.is_empty() {
        let (plain, word) = before.rsplit_once('.')?;
        WORDS.contains(&word).then_some(plain)?
    } else {
        (last != "llvm" && WORDS.contains(&last)).then_some(before)?
    };
    (!plain.is_empty()).then_some(plain)
}

#[cfg(test)]
mod tests {
    use super::without_suffixes;

    #[test]
    fn suffixes_of_compilers_are_recognised() {
        for (name, plain) in [
            ("modules.llvm.15133981562545858343", Some("modules")),
            ("f.isra.0", Some("f")),
            ("f.part.0.cold", Some("f")),
            ("f.constprop.12.isra.3", Some("f")),
            ("x.lto_priv.0", Some("x")),
            ("x.lto_priv.0.llvm.9", Some("x")),
            ("count.3", None),
            ("f.count.3", None),
            ("x.llvm", None),
            ("x.llvm.", None),
            (".llvm.9", None),
            ("plain", None),
        ] {
            assert_eq!(without_suffixes(name), plain, "{name}");
        }
    }
}
