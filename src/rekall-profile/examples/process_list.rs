//! The processes in a memory image: `cargo run --example process_list IMAGE PROFILE`.

use rekall_profile::{Error, Image, Profile};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let (Some(image), Some(profile)) = (arguments.next(), arguments.next()) else {
        return Err("usage: process_list IMAGE PROFILE".into());
    };
    for line in process_list(&image, &profile)? {
        println!("{line}");
    }
    Ok(())
}

/// A line for each process. The names are escaped, because they come from the image.
pub fn process_list(image: &str, profile: &str) -> Result<Vec<String>, Error> {
    let listing = Image::open(image)?.processes(&Profile::open(profile)?)?;
    listing.end?;
    let line = |process: &rekall_profile::analyze::Process| {
        format!("{:>6} {}", process.pid, process.name.escape_debug())
    };
    Ok(listing.rows.iter().map(line).collect())
}
