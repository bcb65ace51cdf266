use std::time::Duration;

use crate::credentials::Credentials;
use crate::download::Patience;

/// How servers are contacted. These options apply to every download: PDBs, debug files, repositories and buckets.
#[derive(Debug, Clone)]
pub struct ClientOptions {
    /// Contact no server: every request fails before a socket is opened.
    pub offline: bool,
    /// How often a failing server is retried, and after which pauses.
    pub patience: Patience,
    /// How long connecting to a server may take.
    pub connect_limit: Duration,
    /// How long a server may send nothing, before its answer begins or during the body. The whole download has no
    /// time limit.
    pub idle_limit: Duration,
    /// The slowest download that is accepted.
    pub least_rate: LeastRate,
    /// The credentials for private servers.
    pub credentials: Credentials,
}

impl Default for ClientOptions {
    fn default() -> Self {
        Self {
            offline: false,
            patience: Patience::default(),
            connect_limit: Duration::from_secs(10),
            idle_limit: Duration::from_secs(30),
            least_rate: LeastRate::default(),
            credentials: Credentials::default(),
        }
    }
}

/// The slowest download that is accepted. One that brings fewer bytes per second for this long is ended, and its
/// server is not contacted again in this run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LeastRate {
    /// Bytes per second, counted on the network; 0 accepts any rate.
    pub bytes_per_second: u64,
    /// The time over which the rate is measured.
    pub during: Duration,
}

impl Default for LeastRate {
    /// 1 KiB/s over 30 s.
    fn default() -> Self {
        Self { bytes_per_second: 1024, during: Duration::from_secs(30) }
    }
}

impl std::fmt::Display for LeastRate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} bytes/s for {} s", self.bytes_per_second, self.during.as_secs_f64())
    }
}
