//! The banner by which Volatility 3 selects the table of a Linux or macOS kernel, for profiles whose source lacks it:
//! most of Volatility 2's packs.

use analyzer::{Guest, Identity, Layout};
use anyhow::{Context, bail};
use profile::{Profile, System};

use super::open_memory;
use crate::console::Console;
use crate::options::Banner;
use crate::outcome::AnotherKernel;

/// Gives a profile the banner from the options, or from the image in the options.
///
/// # Errors
/// An error if the profile's system has no banner, if the profile has another one, if the text is not a banner, or if
/// the profile's kernel is not found in the image.
pub fn complete(options: &Banner, profile: &mut Profile, console: &Console) -> anyhow::Result<()> {
    if !options.any() {
        return Ok(());
    }
    let start = match profile.system {
        System::Linux => "Linux version ",
        System::Mac => "Darwin Kernel Version ",
        System::Windows | System::Other => bail!(
            "--banner: the profile is not that of a Linux or macOS kernel; Volatility 3 picks the tables of Windows by GUID and age"
        ),
    };
    if let Some(text) = &options.banner {
        let line = text.trim_end_matches(['\0', '\n', '\r']);
        if !line.starts_with(start) || line.contains(['\0', '\n']) {
            bail!("--banner: expected one line that begins with {start:?}, found {line:?}");
        }
        set(profile, line, "--banner")?;
    }
    if options.image.file().is_some() {
        let (image, source) = open_memory(&options.image, console)?;
        let layout = Layout::from_profile(profile.clone());
        let guest = Guest::find(&image, &layout, &console.search()).with_context(|| source.clone())?;
        if let Identity::Another { profile, image } = guest.identity() {
            return Err(AnotherKernel(format!(
                "{source}: the profile is of another build: the image names {image}, the profile {profile}; `rekall-profile \
                 -f {source} autodetect` looks for the right one"
            ))
            .into());
        }
        let Some(line) = guest.banner() else {
            bail!("{source}: the kernel was found, but no banner at its symbol; name it with --banner TEXT");
        };
        set(profile, &line, &source)?;
    }
    Ok(())
}

/// Sets the banner and the release in it; if the profile has a banner, it has to be the same.
fn set(profile: &mut Profile, line: &str, origin: &str) -> anyhow::Result<()> {
    if let Some(own) = profile.metadata_text("Banner").map(str::trim_end)
        && own != line.trim_end()
    {
        bail!("{origin}: the profile is of another build: expected the banner {own:?}, found {line:?}");
    }
    let release = line.strip_prefix("Linux version ").and_then(|rest| rest.split(' ').next());
    if let Some(release) = release.filter(|_| profile.metadata_text("Release").is_none()) {
        profile.set_metadata("Release", release);
    }
    profile.set_metadata("Banner", line);
    Ok(())
}
