//! Descriptors of canonical texts as C declares them.

use profile::{Text, declaration};
use serde_json::{Value, json};

/// The member `name` with this descriptor, as C declares it. `class` and `arch` are those of the profile. A descriptor that
/// cannot be read stands for itself.
pub fn declared(class: &str, arch: &str, name: &str, descriptor: &str) -> String {
    read(class, arch, name, descriptor).unwrap_or_else(|| format!("{name}: {descriptor}"))
}

fn read(class: &str, arch: &str, name: &str, descriptor: &str) -> Option<String> {
    let descriptor: Value = serde_json::from_str(descriptor).ok()?;
    // The largest size that a profile may have, so that every member fits.
    let document = json!({
        "$METADATA": {"Type": "Profile", "ProfileClass": class, "arch": arch},
        "$STRUCTS": {"owner": [1_u64 << 40, {name: [0, descriptor]}]},
    });
    let text = Text::new(document.to_string().into_bytes()).ok()?;
    let structure = text.structure("owner")?;
    let member = *structure.profile.types.members(structure.record).first()?;
    Some(declaration(&structure.profile, member.ty, member.bits, name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn descriptors_become_declarations() {
        let linux = |descriptor| declared("Linux", "AMD64", "mm", descriptor);
        assert_eq!(linux(r#"["Pointer", {"target": "mm_struct"}]"#), "mm_struct *mm");
        assert_eq!(linux(r#"["unsigned long"]"#), "unsigned long mm");
        let bits = linux(r#"["BitField", {"start_bit": 0, "end_bit": 3, "target": "unsigned int"}]"#);
        assert_eq!(bits, "unsigned int mm : 3");
        assert_eq!(linux("damaged"), "mm: damaged");
    }
}
