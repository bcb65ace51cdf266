use std::fs::File;
use std::io;

/// Files that a server has besides those of its folder, made when they are asked for.
pub trait Pages: Send + Sync {
    /// Opens the page at the path of a request (`/banners.json`), which comes before a file of the folder. `host` is what
    /// the client calls the server (`Host`). `None` if there is no such page.
    ///
    /// # Errors
    /// What making or opening the page gives.
    fn open(&self, path: &str, host: Option<&str>) -> Option<io::Result<Page>>;
}

/// A page, as a file that does not change while it is sent.
#[derive(Debug)]
pub struct Page {
    /// The file.
    pub file: File,
    /// What tells one state of the page from another; printable ASCII without quotes.
    pub tag: String,
}
