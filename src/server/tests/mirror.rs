//! Tests of a folder served over HTTP, with our own fetcher and with raw requests.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "../../symbols/tests/support/mod.rs"]
mod support;

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use server::{Mirror, MirrorLimits, MirrorStop};
use support::{GUID_AGE, Story, World, pdb, place, read};

/// A mirror of the test's folder `served`, stopped with the test.
struct Served {
    address: SocketAddr,
    stop: MirrorStop,
    story: Arc<Story>,
    thread: Option<JoinHandle<()>>,
}

/// An answer, taken apart.
/// An address of this machine with a port that is free.
fn free() -> SocketAddr {
    ([127, 0, 0, 1], 0).into()
}

struct Answer {
    status: u16,
    head: String,
    body: Vec<u8>,
}

impl Served {
    fn new(world: &World) -> Self {
        Self::with(world, MirrorLimits::default())
    }

    fn with(world: &World, limits: MirrorLimits) -> Self {
        let mirror = Mirror::bind(&world.path("served"), &[free()], limits).unwrap();
        let (address, stop, story) = (mirror.address(), mirror.stop(), Arc::new(Story::default()));
        let told = story.clone();
        let thread = Some(std::thread::spawn(move || mirror.run(&*told).unwrap()));
        Self { address, stop, story, thread }
    }

    fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        stream
    }

    /// Sends raw bytes, and reads until the server closes the connection.
    fn raw(&self, request: &str) -> Answer {
        let mut stream = self.connect();
        stream.write_all(request.as_bytes()).unwrap();
        answer(&mut stream)
    }

    fn ask(&self, method: &str, path: &str, headers: &str) -> Answer {
        self.raw(&format!("{method} {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{headers}\r\n"))
    }

    fn get(&self, path: &str) -> Answer {
        self.ask("GET", path, "")
    }

    fn end(&mut self) {
        self.stop.stop();
        if let Some(thread) = self.thread.take() {
            thread.join().unwrap();
        }
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        self.stop.stop();
    }
}

impl Answer {
    fn header(&self, name: &str) -> Option<&str> {
        let lines = self.head.lines().filter_map(|line| line.split_once(": "));
        let mut found = lines.filter(|(other, _)| other.eq_ignore_ascii_case(name));
        found.next().map(|(_, value)| value)
    }
}

fn answer(stream: &mut TcpStream) -> Answer {
    let mut bytes = Vec::new();
    // A server that closes the connection with unread data resets it.
    let _ = stream.read_to_end(&mut bytes);
    let end = bytes.windows(4).position(|four| four == b"\r\n\r\n").unwrap_or(bytes.len());
    let head = String::from_utf8(bytes[..end].to_vec()).unwrap();
    let body = bytes.get(end + 4..).unwrap_or_default().to_vec();
    let status = head.get(9..12).and_then(|status| status.parse().ok()).unwrap_or(0);
    Answer { status, head, body }
}

/// How soon the server closes the connection.
fn closes_within(stream: &mut TcpStream, limit: Duration) {
    let started = Instant::now();
    let mut rest = Vec::new();
    let _ = stream.read_to_end(&mut rest);
    assert!(started.elapsed() < limit, "{:?}", started.elapsed());
}

fn brief() -> MirrorLimits {
    let short = Duration::from_millis(300);
    MirrorLimits { head: short, stall: short, grace: short, ..MirrorLimits::default() }
}

#[test]
fn our_own_fetcher_brings_a_pdb_from_it() {
    for tiers in [false, true] {
        let world = World::new();
        let folder = if tiers { "served/K." } else { "served" };
        world.file(&format!("{folder}/K.pdb/{}/k.pdb", GUID_AGE.to_lowercase()), &pdb());
        if tiers {
            world.file("served/index2.txt", b"");
        }
        let served = Served::new(&world);
        let found = world.fetch(&format!("srv*{}*{}", world.path("a").display(), served.url())).unwrap();
        assert_eq!(read(&found.path), pdb());
        let story = served.story.text();
        assert!(story.contains(&format!("/{} 200 {}", place("k.pdb"), pdb().len())), "{story}");
    }
}

#[test]
fn a_file_comes_whole_in_part_or_not_at_all() {
    let world = World::new();
    let bytes: Vec<u8> = (0..1_000_000_u32).map(|number| (number % 251) as u8).collect();
    world.file("served/k.pdb/AA/k.pdb", &bytes);
    let served = Served::new(&world);
    let path = "/k.pdb/AA/k.pdb";
    let whole = served.get(path);
    assert_eq!((whole.status, &whole.body), (200, &bytes));
    assert_eq!(whole.header("content-length"), Some("1000000"));
    assert_eq!(whole.header("accept-ranges"), Some("bytes"));
    assert_eq!(whole.header("content-type"), Some("application/octet-stream"));
    let tag = whole.header("etag").unwrap().to_owned();
    let date = whole.header("last-modified").unwrap().to_owned();

    let head = served.ask("HEAD", path, "Range: bytes=0-1\r\n");
    assert_eq!((head.status, head.body.len(), head.header("content-length")), (200, 0, Some("1000000")));
    assert_eq!(head.header("etag"), Some(tag.as_str()));

    let part = served.ask("GET", path, &format!("Range: bytes=300000-900000\r\nIf-Range: {tag}\r\n"));
    assert_eq!((part.status, part.body.as_slice()), (206, &bytes[300_000..=900_000]));
    assert_eq!(part.header("content-range"), Some("bytes 300000-900000/1000000"));
    assert_eq!(part.header("content-length"), Some("600001"));
    let other = served.ask("GET", path, "Range: bytes=5-\r\nIf-Range: \"other\"\r\n");
    assert_eq!((other.status, other.body.len()), (200, 1_000_000));
    let beyond = served.ask("GET", path, "Range: bytes=1000000-\r\n");
    assert_eq!((beyond.status, beyond.header("content-range")), (416, Some("bytes */1000000")));

    for known in [format!("If-None-Match: {tag}\r\n"), format!("If-Modified-Since: {date}\r\n")] {
        for method in ["GET", "HEAD"] {
            let same = served.ask(method, path, &known);
            assert_eq!((same.status, same.body.len()), (304, 0), "{known}");
            assert_eq!(same.header("etag"), Some(tag.as_str()));
        }
    }
    world.file("served/k.pdb/AA/k.pdb", b"other");
    let changed = served.ask("GET", path, &format!("If-None-Match: {tag}\r\n"));
    assert_eq!((changed.status, changed.body.as_slice()), (200, b"other".as_slice()));
}

#[test]
fn a_broken_download_goes_on_where_it_was() {
    let world = World::new();
    world.file(&format!("served/{}", place("k.pdb")), &pdb());
    let served = Served::new(&world);
    let path = format!("/{}", place("k.pdb"));
    let first = served.ask("GET", &path, "Range: bytes=0-99999\r\n");
    let tag = first.header("etag").unwrap();
    let rest = served.ask("GET", &path, &format!("Range: bytes=100000-\r\nIf-Range: {tag}\r\n"));
    assert_eq!([first.body.clone(), rest.body].concat(), pdb());
}

#[test]
fn gzip_lies_as_it_is() {
    let world = World::new();
    world.file("served/v1.0/nt/GUID/F8.gz", b"\x1f\x8b not unpacked");
    let served = Served::new(&world);
    let answer = served.ask("GET", "/v1.0/nt/GUID/F8.gz", "Accept-Encoding: gzip\r\n");
    assert_eq!((answer.status, answer.body.as_slice()), (200, b"\x1f\x8b not unpacked".as_slice()));
    assert_eq!(answer.header("content-type"), Some("application/gzip"));
    assert_eq!(answer.header("content-encoding"), None);
}

#[test]
fn nothing_outside_is_served() {
    let world = World::new();
    world.file("secret", b"secret");
    world.file("served/a/k.pdb", b"k");
    world.file("served/.git/config", b"secret");
    #[cfg(unix)]
    {
        std::os::unix::fs::symlink(world.path(""), world.path("served/up")).unwrap();
        std::os::unix::fs::symlink(world.path("secret"), world.path("served/file")).unwrap();
    }
    let served = Served::new(&world);
    assert_eq!(served.get("/a/k.pdb").body, b"k");
    for (path, status) in [
        ("/../secret", 400),
        ("/a/../../secret", 400),
        ("/%2e%2e/secret", 400),
        ("/a/%2E%2E/%2e%2e/secret", 400),
        ("/..%2fsecret", 400),
        ("/..%5csecret", 400),
        ("/..\\secret", 400),
        ("/a/..%00/secret", 400),
        ("/C:/secret", 400),
        ("/%252e%252e/secret", 404),
        ("//secret", 404),
        ("/.git/config", 404),
        ("/a", 404),
        ("/", 404),
        ("/a/k.pdb/", 404),
        #[cfg(unix)]
        ("/up/secret", 403),
        #[cfg(unix)]
        ("/UP/secret", 403),
        #[cfg(unix)]
        ("/file", 403),
        ("http://elsewhere/../secret", 400),
    ] {
        let answer = served.get(path);
        assert_eq!(answer.status, status, "{path}: {}", answer.head);
        assert!(!answer.body.windows(6).any(|six| six == b"secret"), "{path}");
    }
    let story = served.story.text();
    assert!(!cfg!(unix) || story.contains("GET /file 403 11 (a link leads out of the folder)"), "{story}");
}

#[test]
fn other_methods_and_invalid_requests_are_refused() {
    let world = World::new();
    world.file("served/k.pdb", b"k");
    let served = Served::new(&world);
    for method in ["POST", "PUT", "DELETE", "OPTIONS", "PATCH", "BREW"] {
        let answer = served.ask(method, "/k.pdb", "Content-Length: 0\r\n");
        assert_eq!((answer.status, answer.header("allow")), (405, Some("GET, HEAD")), "{method}");
    }
    assert_eq!(served.raw("nonsense\r\n\r\n").status, 400);
    let large = format!("X: {}\r\n", "x".repeat(100_000));
    assert_eq!(served.ask("GET", "/k.pdb", &large).status, 431);
    let many = (0..1000).map(|number| format!("X-{number}: y\r\n")).collect::<String>();
    assert_eq!(served.ask("GET", "/k.pdb", &many).status, 431);
    assert_eq!(served.get("/K.PDB").body, b"k");
}

#[test]
fn many_clients_are_served_at_once() {
    let world = World::new();
    world.file(&format!("served/{}", place("k.pdb")), &pdb());
    // While many tests run at once, a client may get to its request late.
    let patience = Duration::from_secs(10);
    let served = Served::with(&world, MirrorLimits { connections: 8, patience, ..MirrorLimits::default() });
    let path = format!("/{}", place("K.PDB"));
    std::thread::scope(|scope| {
        for _ in 0..64 {
            scope.spawn(|| {
                for _ in 0..4 {
                    let answer = served.get(&path);
                    assert_eq!((answer.status, answer.body == pdb()), (200, true));
                }
            });
        }
    });
    assert_eq!(served.story.text().lines().count(), 256);
}

#[test]
fn one_connection_takes_many_requests() {
    let world = World::new();
    world.file("served/k.pdb", b"content");
    let served = Served::new(&world);
    let mut stream = served.connect();
    let request = "GET /k.pdb HTTP/1.1\r\nHost: x\r\n\r\n";
    let last = "GET /k.pdb HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
    stream.write_all(format!("{request}{request}{last}").as_bytes()).unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    assert_eq!(text.matches("HTTP/1.1 200 OK").count(), 3, "{text}");
    assert_eq!(
        text.matches("content\u{48}TTP").count() + usize::from(text.ends_with("content")),
        3,
        "{text}"
    );
}

#[test]
fn clients_that_stall_lose_their_place() {
    let world = World::new();
    world.file("served/large", &vec![7; 64 << 20]);
    world.file("served/k.pdb", b"k");
    let served = Served::with(&world, MirrorLimits { connections: 3, ..brief() });
    // One client says nothing, one never finishes its head, one does not read its answer.
    let mut silent = served.connect();
    let mut slow = served.connect();
    slow.write_all(b"GET /k.pdb HTTP/1.1\r\nHost: x\r\nX: ").unwrap();
    let mut deaf = served.connect();
    deaf.write_all(b"GET /large HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
    let started = Instant::now();
    assert_eq!(served.get("/k.pdb").body, b"k");
    assert!(started.elapsed() < Duration::from_secs(10), "{:?}", started.elapsed());
    // A client that sends a byte now and then is treated the same.
    let mut trickle = served.connect();
    let started = Instant::now();
    while started.elapsed() < Duration::from_secs(10) && trickle.write_all(b"G").is_ok() {
        std::thread::sleep(Duration::from_millis(50));
    }
    assert!(started.elapsed() < Duration::from_secs(5), "{:?}", started.elapsed());
    closes_within(&mut silent, Duration::from_secs(2));
    closes_within(&mut slow, Duration::from_secs(2));
    let mut taken = Vec::new();
    let _ = deaf.read_to_end(&mut taken);
    assert!(taken.len() < 64 << 20, "{}", taken.len());
}

#[test]
fn it_stops_on_request_and_lets_answers_finish() {
    let world = World::new();
    world.file("served/large", &vec![7; 16 << 20]);
    let mut served = Served::new(&world);
    let mut under_way = served.connect();
    under_way.write_all(b"GET /large HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
    let mut first = [0; 1];
    under_way.read_exact(&mut first).unwrap();
    let idle = served.connect();
    served.stop.stop();
    let mut rest = Vec::new();
    under_way.read_to_end(&mut rest).unwrap();
    assert!(rest.len() > 16 << 20, "{}", rest.len());
    let started = Instant::now();
    served.end();
    assert!(started.elapsed() < Duration::from_secs(8), "{:?}", started.elapsed());
    assert!(TcpStream::connect(served.address).is_err());
    drop(idle);
}

#[test]
fn failures_to_serve_are_reported() {
    let world = World::new();
    world.file("served/k.pdb", b"k");
    let limits = MirrorLimits::default();
    let error = |folder: &str, address| match Mirror::bind(&world.path(folder), &[address], limits.clone()) {
        Ok(_) => panic!("{folder} at {address} is served"),
        Err(error) => {
            let cause = std::error::Error::source(&error).map(|cause| format!(": {cause}"));
            format!("{error}{}", cause.unwrap_or_default())
        }
    };
    assert!(error("nowhere", free()).starts_with("cannot serve "));
    assert!(error("served/k.pdb", free()).starts_with("cannot serve "));
    let taken = Mirror::bind(&world.path("served"), &[free()], limits.clone()).unwrap();
    let address = taken.address();
    assert!(error("served", address).starts_with(&format!("cannot listen on {address}: ")));
}
