/// Untrue additions to an export that some programs require. Only the user can ask for them: no canonical profile
/// contains any.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Compat {
    /// Nothing.
    #[default]
    None,
    /// What plug-ins of Volatility 3 require.
    Volatility3,
}

/// The program that a table names as its producer.
pub(crate) struct Producer {
    pub(crate) name: &'static str,
    pub(crate) version: &'static str,
}

impl Compat {
    /// The producer of an ISF table. `linux.hidden_modules` of Volatility 3 (2.25 and later) refuses every table
    /// that does not name dwarf2json 0.8.0 or later.
    pub(crate) fn producer(self) -> Producer {
        match self {
            Self::None => Producer { name: "rekall-profile", version: env!("CARGO_PKG_VERSION") },
            Self::Volatility3 => Producer { name: "dwarf2json", version: "0.8.0" },
        }
    }
}
