use serde::Serialize;

/// The error that ended a command, instead of its report.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Error {
    /// The problem, with its causes.
    pub error: String,
    /// The alternatives, or what was tried.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub items: Vec<String>,
    /// The exit code: 1 if the requested object does not exist, 2 for everything else.
    pub exit_code: u8,
}
