use std::time::Duration;

/// Limits on the work of a [`Mirror`](crate::Mirror) for its clients.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MirrorLimits {
    /// The maximum number of connections. A further one closes the connection that has kept the mirror waiting
    /// longest.
    pub connections: usize,
    /// The maximum number of connections of one client: one address, or one network of 64 bits with IPv6.
    pub connections_of_client: usize,
    /// The maximum number of requests that are answered at once; others wait.
    pub requests: usize,
    /// The maximum number of these for one client.
    pub requests_of_client: usize,
    /// How long a connection may keep the mirror waiting before its place can be given to another one.
    pub patience: Duration,
    /// How long a client may take to send the head of a request, and how long it may send no request.
    pub head: Duration,
    /// The time within which a client has to read `stall_bytes` of an answer (or all of the rest).
    pub stall: Duration,
    /// The number of bytes.
    pub stall_bytes: u64,
    /// How long running answers may take to finish when the mirror is stopped.
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
