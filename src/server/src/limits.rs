use std::time::Duration;

/// How much a [`Mirror`](crate::Mirror) does for its clients.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MirrorLimits {
    /// How many connections there are at once. One more closes the one that has kept the mirror waiting for longest.
    pub connections: usize,
    /// How many of them one client has at once: one address, or one network of 64 bits with IPv6.
    pub connections_of_client: usize,
    /// How many requests are answered at once; others wait.
    pub requests: usize,
    /// How many of them are one client's.
    pub requests_of_client: usize,
    /// How long a connection may keep the mirror waiting before one that needs its room gets it.
    pub patience: Duration,
    /// How long a client may take for the head of a request, and how long none may come.
    pub head: Duration,
    /// Within this time, a client has to take `stall_bytes` of an answer (or all that is left).
    pub stall: Duration,
    /// How many bytes that are.
    pub stall_bytes: u64,
    /// How long answers under way have to end when the mirror is stopped.
    pub grace: Duration,
}

impl Default for MirrorLimits {
    fn default() -> Self {
        Self {
            connections: 256,
            connections_of_client: 64,
            requests: 192,
            requests_of_client: 32,
            patience: Duration::from_millis(250),
            head: Duration::from_secs(15),
            stall: Duration::from_secs(30),
            stall_bytes: 30 << 10,
            grace: Duration::from_secs(5),
        }
    }
}
