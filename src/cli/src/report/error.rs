use serde::Serialize;

/// An error that ended a command, in place of its report.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Error {
    /// What is wrong, with its causes.
    pub error: String,
    /// What there is to choose from, or what was tried.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub items: Vec<String>,
    /// The exit code: 1 if what was asked for is nowhere, 2 for everything else.
    pub exit_code: u8,
}
