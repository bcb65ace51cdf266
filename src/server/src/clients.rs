use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::Notify;

use crate::limits::MirrorLimits;

/// The connections of a mirror: their clients, and how long each has kept the mirror waiting. If all places are
/// taken, the connection that has kept it waiting longest is closed, so that slow clients never exclude others.
pub(super) struct Clients {
    limits: MirrorLimits,
    connections: Mutex<Connections>,
    /// Held by the first of the connections that wait for a place; the others follow in order.
    gate: tokio::sync::Mutex<()>,
}

#[derive(Default)]
struct Connections {
    next: u64,
    by_number: HashMap<u64, Connection>,
    /// How many connections of each client wait for a place.
    outside: HashMap<IpAddr, usize>,
}

struct Connection {
    client: IpAddr,
    phase: Phase,
    /// The time since which the client has kept the mirror waiting, if it does.
    since: Option<Instant>,
    /// Ends it.
    end: Arc<Notify>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// Waiting for the head of the first or a later request.
    Waiting { served: bool },
    /// A request is waiting for its turn.
    Queued,
    /// An answer is being sent.
    Answering,
}

/// How often waiting connections check for a free place.
const AGAIN: Duration = Duration::from_millis(5);
/// How long a connection may wait for a place.
const PATIENCE: Duration = Duration::from_secs(5);

/// The result of asking for a place.
enum Asked {
    Admitted(Place),
    /// The client already has the maximum number of connections, and all are active.
    OwnAtWork,
    /// All connections are active.
    AllAtWork,
}

/// The place of one connection, which becomes free when this is dropped.
pub(super) struct Place {
    clients: Arc<Clients>,
    number: u64,
    end: Arc<Notify>,
}

/// The turn of one request, which ends when this is dropped.
pub(super) struct Turn(Arc<Place>);

impl Clients {
    pub fn new(limits: MirrorLimits) -> Self {
        Self { limits, connections: Mutex::default(), gate: tokio::sync::Mutex::default() }
    }

    /// Finds a place for a connection of this client, in the order of arrival. `None` if no place becomes free for
    /// several seconds, or if too many of the client's connections are already waiting.
    pub async fn admit(self: &Arc<Self>, client: IpAddr) -> Option<Place> {
        let client = network(client);
        let _outside = self.wait_outside(client)?;
        let end = Instant::now() + PATIENCE;
        loop {
            // A client that waits for its own connections lets others pass.
            let gate = self.gate.lock().await;
            loop {
                match self.ask(client) {
                    Asked::Admitted(place) => return Some(place),
                    Asked::OwnAtWork => break,
                    Asked::AllAtWork if Instant::now() >= end => return None,
                    Asked::AllAtWork => tokio::time::sleep(AGAIN).await,
                }
            }
            drop(gate);
            if Instant::now() >= end {
                return None;
            }
            tokio::time::sleep(AGAIN).await;
        }
    }

    fn wait_outside(self: &Arc<Self>, client: IpAddr) -> Option<Outside> {
        let mut connections = self.locked();
        let count = connections.outside.entry(client).or_default();
        if *count >= self.limits.connections_of_client.max(1) {
            return None;
        }
        *count += 1;
        Some(Outside { clients: self.clone(), client })
    }

    fn ask(self: &Arc<Self>, client: IpAddr) -> Asked {
        let mut connections = self.locked();
        let patience = self.limits.patience;
        let own = |connection: &Connection| connection.client == client;
        if connections.count(own) >= self.limits.connections_of_client.max(1)
            && !connections.shed(patience, own)
        {
            return Asked::OwnAtWork;
        }
        if connections.by_number.len() >= self.limits.connections.max(1)
            && !connections.shed(patience, |_| true)
        {
            return Asked::AllAtWork;
        }
        let number = connections.next;
        connections.next += 1;
        let end = Arc::new(Notify::new());
        let phase = Phase::Waiting { served: false };
        let connection = Connection { client, phase, since: None, end: end.clone() };
        connections.by_number.insert(number, connection);
        Asked::Admitted(Place { clients: self.clone(), number, end })
    }

    /// Closes the connection that has kept the mirror waiting longest, if there is one.
    pub fn shed(&self) {
        self.locked().shed(Duration::ZERO, |_| true);
    }

    fn locked(&self) -> MutexGuard<'_, Connections> {
        self.connections.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Connections {
    fn count(&self, of: impl Fn(&Connection) -> bool) -> usize {
        self.by_number.values().filter(|connection| of(connection)).count()
    }

    /// Closes the worst of these connections if one has kept the mirror waiting long enough, and returns whether one
    /// has. The worst is the one that has sent no request for longest, then one that was served before, then one that
    /// does not read its answer.
    fn shed(&mut self, patience: Duration, of: impl Fn(&Connection) -> bool) -> bool {
        let rank = |connection: &Connection| match connection.phase {
            Phase::Waiting { served } => Some(u8::from(served)),
            Phase::Answering => Some(2),
            Phase::Queued => None,
        };
        let candidates = self.by_number.iter().filter(|(_, connection)| of(connection));
        let ranked = candidates.filter_map(|(number, connection)| {
            let since = connection.since.filter(|since| since.elapsed() >= patience)?;
            Some((rank(connection)?, since, *number))
        });
        let Some((_, _, number)) = ranked.min() else { return false };
        if let Some(connection) = self.by_number.remove(&number) {
            connection.end.notify_one();
        }
        true
    }
}

/// A connection that is waiting for a place.
struct Outside {
    clients: Arc<Clients>,
    client: IpAddr,
}

impl Drop for Outside {
    fn drop(&mut self) {
        let mut connections = self.clients.locked();
        if let Some(count) = connections.outside.get_mut(&self.client) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                connections.outside.remove(&self.client);
            }
        }
    }
}

impl Place {
    /// Waits for the turn of a request on this connection. The number of simultaneous answers is limited for each
    /// client and in total.
    pub async fn turn(self: &Arc<Self>) -> Turn {
        self.change(Phase::Queued);
        while !self.try_turn() {
            tokio::time::sleep(AGAIN).await;
        }
        Turn(self.clone())
    }

    fn try_turn(&self) -> bool {
        let limits = &self.clients.limits;
        let mut connections = self.clients.locked();
        let Some(client) = connections.by_number.get(&self.number).map(|connection| connection.client) else {
            // It was closed in the meantime, and its task is about to notice.
            return true;
        };
        let answering = |connection: &Connection| connection.phase == Phase::Answering;
        let own = |connection: &Connection| connection.client == client && answering(connection);
        if connections.count(own) >= limits.requests_of_client.max(1) {
            return false;
        }
        if connections.count(answering) >= limits.requests.max(1)
            && !connections.shed(limits.patience, answering)
        {
            return false;
        }
        if let Some(connection) = connections.by_number.get_mut(&self.number) {
            connection.phase = Phase::Answering;
            connection.since = None;
        }
        true
    }

    /// The client read some bytes of its answer.
    pub fn took(&self) {
        let mut connections = self.clients.locked();
        if let Some(connection) = connections.by_number.get_mut(&self.number)
            && connection.phase == Phase::Answering
        {
            connection.since = None;
        }
    }

    /// The client sends no request, or does not read its answer, at the moment. A partial head of a request does not
    /// count.
    pub fn waits(&self, reading: bool) {
        let mut connections = self.clients.locked();
        if let Some(connection) = connections.by_number.get_mut(&self.number)
            && reading == matches!(connection.phase, Phase::Waiting { .. })
        {
            connection.since.get_or_insert_with(Instant::now);
        }
    }

    /// Waits until the connection has to give up its place.
    pub async fn ended(&self) {
        self.end.notified().await;
    }

    fn change(&self, phase: Phase) {
        if let Some(connection) = self.clients.locked().by_number.get_mut(&self.number) {
            connection.phase = phase;
            connection.since = None;
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.clients.locked().by_number.remove(&self.number);
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.0.change(Phase::Waiting { served: true });
    }
}

/// The client behind an address: with IPv6 a client has a whole network of 64 bits.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => IpAddr::V6((u128::from(address) & !u128::from(u64::MAX)).into()),
        address => address,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn clients(limits: MirrorLimits) -> Arc<Clients> {
        Arc::new(Clients::new(MirrorLimits { patience: Duration::ZERO, ..limits }))
    }

    fn client(number: u8) -> IpAddr {
        IpAddr::from([127, 0, 0, number])
    }

    fn admitted(clients: &Arc<Clients>, number: u8) -> Option<Arc<Place>> {
        match clients.ask(client(number)) {
            Asked::Admitted(place) => Some(Arc::new(place)),
            Asked::OwnAtWork | Asked::AllAtWork => None,
        }
    }

    fn has(clients: &Clients, place: &Place) -> bool {
        clients.locked().by_number.contains_key(&place.number)
    }

    #[test]
    fn the_connection_that_waits_longest_is_closed() {
        let clients = clients(MirrorLimits { connections: 3, ..MirrorLimits::default() });
        let places: Vec<_> = (2..5).map(|number| admitted(&clients, number).unwrap()).collect();
        assert!(admitted(&clients, 1).is_none(), "nobody has waited for any of them yet");
        places.iter().for_each(|place| place.waits(true));
        let good = admitted(&clients, 1).unwrap();
        assert!(!has(&clients, &places[0]), "the oldest one gives way");
        assert!(has(&clients, &places[1]) && has(&clients, &good));
        // A connection that is being answered keeps its place as long as it reads something.
        assert!(good.try_turn());
        let others: Vec<_> = (5..9).filter_map(|number| admitted(&clients, number)).collect();
        assert!(others.len() == 2 && has(&clients, &good));
        good.waits(false);
        good.took();
        assert!(admitted(&clients, 9).is_none());
        good.waits(false);
        assert!(admitted(&clients, 9).is_some() && !has(&clients, &good));
    }

    #[test]
    fn one_client_gets_its_own_connections_closed_alone() {
        let limits = MirrorLimits { connections: 10, connections_of_client: 2, ..MirrorLimits::default() };
        let clients = clients(limits);
        let other = admitted(&clients, 1).unwrap();
        let first = admitted(&clients, 2).unwrap();
        let second = admitted(&clients, 2).unwrap();
        [&other, &first, &second].iter().for_each(|place| place.waits(true));
        let third = admitted(&clients, 2).unwrap();
        assert!(has(&clients, &other) && !has(&clients, &first) && has(&clients, &second));
        drop((first, second, third));
        assert_eq!(clients.locked().by_number.len(), 1);
        let outside: Vec<_> = (0..3).filter_map(|_| clients.wait_outside(client(2))).collect();
        assert_eq!(outside.len(), 2, "nor do more than that wait");
        drop(outside);
        assert!(clients.locked().outside.is_empty());
    }

    #[test]
    fn answers_at_once_are_counted_per_client_and_in_all() {
        let limits = MirrorLimits { requests: 3, requests_of_client: 2, ..MirrorLimits::default() };
        let clients = clients(limits);
        let place = |number| admitted(&clients, number).unwrap();
        let own = [place(2), place(2), place(2)];
        assert!(own[0].try_turn() && own[1].try_turn() && !own[2].try_turn());
        let other = [place(3), place(4)];
        assert!(other[0].try_turn() && !other[1].try_turn(), "all of them take what is sent");
        own[0].waits(false);
        assert!(other[1].try_turn(), "one that takes nothing gives way");
        assert!(has(&clients, &other[0]) && !has(&clients, &own[0]));
        drop(Turn(own[1].clone()));
        drop(Turn(other[1].clone()));
        assert!(own[2].try_turn());
    }

    #[test]
    fn a_network_is_one_client() {
        let address = |text: &str| network(text.parse().unwrap());
        assert_eq!(address("2001:db8::1"), address("2001:db8::ffff:1"));
        assert_ne!(address("2001:db8::1"), address("2001:db8:0:1::1"));
        assert_eq!(address("::ffff:127.0.0.1"), client(1));
    }
}
