use clap::Args;

use super::Image;
use super::heading::OUTPUT;
use crate::files::Files;

/// Where the banner of a Linux or macOS kernel comes from, if the source of its profile does not hold it.
#[derive(Clone, Debug, Args)]
#[group(skip)]
#[command(next_help_heading = OUTPUT)]
pub struct Banner {
    /// The kernel's banner, by which Volatility 3 picks a table.
    ///
    /// It is the line of /proc/version, or the first line of the boot log. With -f IMAGE it is read from that image.
    #[arg(long, value_name = "TEXT")]
    pub banner: Option<String>,
    #[command(flatten)]
    pub image: Image,
}

impl Banner {
    /// Whether a banner is given, or an image to read it from.
    pub fn any(&self) -> bool {
        self.banner.is_some() || self.image.filename.is_some()
    }

    /// The same without the image.
    pub fn without_image(&self) -> Self {
        Self { image: Image { filename: None, layout: Vec::new() }, banner: self.banner.clone() }
    }

    /// Adds the image.
    pub fn list(&self, files: &mut Files) {
        self.image.list(files);
    }
}
