use clap::Args;

use super::Image;
use super::heading::OUTPUT;
use crate::files::Files;

/// The source of a Linux or macOS kernel's banner, if the source of its profile lacks it.
#[derive(Clone, Debug, Args)]
#[group(skip)]
#[command(next_help_heading = OUTPUT)]
pub struct Banner {
    /// The kernel's banner, by which Volatility 3 selects a table.
    ///
    /// It is the line of /proc/version, or the first line of the boot log. With -f IMAGE it is read from that image.
    #[arg(long, value_name = "TEXT")]
    pub banner: Option<String>,
    #[command(flatten)]
    pub image: Image,
}

impl Banner {
    /// Whether a banner, or an image with it, is given.
    pub fn any(&self) -> bool {
        self.banner.is_some() || self.image.file().is_some()
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
