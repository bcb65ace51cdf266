use std::num::NonZeroU64;

/// The settings for the whole run, from the options of a command line.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The report is the only JSON document on standard output.
    pub json: bool,
    /// Only errors are printed.
    pub quiet: bool,
    /// How often `-v` was given.
    pub verbosity: u8,
    /// Whether colours are used; by default on a terminal.
    pub color: Option<bool>,
    /// Losses make the result negative.
    pub strict: bool,
    /// How many threads may be used; by default one for each core.
    pub threads: Option<u16>,
    /// The process restricts itself to the files and connections on its command line.
    pub sandbox: bool,
    /// How many bytes compressed input may unpack to; by default this depends on its compressed size.
    pub unpack_limit: Option<NonZeroU64>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            json: false,
            quiet: false,
            verbosity: 0,
            color: None,
            strict: false,
            threads: None,
            sandbox: true,
            unpack_limit: None,
        }
    }
}
