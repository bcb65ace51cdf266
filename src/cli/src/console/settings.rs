use std::num::NonZeroU64;

/// What the options of a command line set for the whole run.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The report is one JSON document on standard output.
    pub json: bool,
    /// Only errors are printed.
    pub quiet: bool,
    /// How often `-v` was given.
    pub verbosity: u8,
    /// Whether colours are used; by default on a terminal.
    pub color: Option<bool>,
    /// Losses make a result negative.
    pub strict: bool,
    /// How many threads work may use; by default one for each core.
    pub threads: Option<u16>,
    /// The run denies itself what its command line does not ask for.
    pub sandbox: bool,
    /// How many bytes packed input may unpack to; by default its packed size decides.
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
