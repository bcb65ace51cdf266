//! A PDB in memory to a profile: `cargo run --example pdb_to_profile FILE.pdb OUTPUT.json.gz`.

use rekall_profile::{Error, convert};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let (Some(pdb), Some(output)) = (arguments.next(), arguments.next()) else {
        return Err("usage: pdb_to_profile FILE.pdb OUTPUT.json.gz".into());
    };
    println!("{}", to_profile(&pdb, std::fs::read(&pdb)?, &output)?);
    Ok(())
}

/// Writes the profile of a PDB and returns its verdict.
pub fn to_profile(name: &str, pdb: Vec<u8>, output: &str) -> Result<&'static str, Error> {
    let made = convert::bytes(name, pdb, &convert::Options::default())?;
    made.save(output)?;
    Ok(made.health.verdict.name())
}
