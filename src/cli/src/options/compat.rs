//! Additions to symbol tables that a program insists on.

/// For whom tables say what is not true of the kernel.
#[derive(Clone, Copy, Debug, clap::ValueEnum)]
pub enum TableCompat {
    /// Volatility 3's stock plug-ins.
    Volatility3,
}

impl TableCompat {
    /// What is added to tables.
    pub fn of(said: Option<Self>) -> profile::Compat {
        match said {
            Some(Self::Volatility3) => profile::Compat::Volatility3,
            None => profile::Compat::None,
        }
    }
}
