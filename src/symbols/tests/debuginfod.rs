//! Debug files from well-behaved and faulty servers on the loopback interface.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::fs::File;
use std::io::Read;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use profile::Silent;
use symbol_server::{Fault, Request, Response, Server};
use symbols::{BuildId, DebugOptions, Error, Patience, fetch_debug};

const ID: &str = "3b43fad5034874490492495d552c0af6a5fab235";

fn content() -> Vec<u8> {
    let mut bytes: Vec<u8> = (0..200_000u32).flat_map(u32::to_le_bytes).collect();
    bytes[..4].copy_from_slice(b"\x7fELF");
    bytes
}

fn options(servers: &[&Server]) -> DebugOptions {
    let mut options = DebugOptions::new(servers.iter().map(|server| server.url().parse().unwrap()).collect());
    options.client.patience = Patience {
        retries: 3,
        first_pause: Duration::from_millis(1),
        longest_pause: Duration::from_millis(10),
    };
    options.client.idle_limit = Duration::from_secs(1);
    options
}

fn is_whole(mut file: &File) -> Result<(), String> {
    use std::io::{Seek, SeekFrom};
    let mut bytes = Vec::new();
    file.seek(SeekFrom::Start(0)).unwrap();
    file.read_to_end(&mut bytes).unwrap();
    if bytes == content() { Ok(()) } else { Err(format!("{} bytes of something else", bytes.len())) }
}

fn fetched(options: &DebugOptions) -> (Result<symbols::DebugFile, Error>, Vec<String>) {
    let folder = tempfile::tempdir().unwrap();
    let id: BuildId = ID.parse().unwrap();
    let result = fetch_debug(&id, &folder.path().join("vmlinux.debug"), options, &is_whole, &Silent);
    let left = std::fs::read_dir(folder.path()).unwrap();
    (result, left.map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned()).collect())
}

#[test]
fn the_second_server_has_it() {
    let without = Server::start(|_: &Request| Response::status(404)).unwrap();
    let with = Server::start(|request: &Request| {
        assert_eq!(request.path(), format!("/buildid/{ID}/debuginfo"));
        assert!(request.header("user-agent").unwrap().starts_with("rekall-profile/"));
        Response::bytes(content())
    })
    .unwrap();
    let (result, left) = fetched(&options(&[&without, &with]));
    let file = result.unwrap();
    assert_eq!(file.size, content().len() as u64);
    assert!(file.from.ends_with("/debuginfo"));
    assert_eq!(left, ["vmlinux.debug"]);
}

#[test]
fn a_connection_that_breaks_is_resumed() {
    let attempts = AtomicUsize::new(0);
    let server = Server::start(move |request: &Request| {
        let whole = Response::bytes(content()).ranged(request, "\"1\"");
        if attempts.fetch_add(1, Ordering::Relaxed) == 0 {
            return whole.with_fault(Fault::BreakAfter(300_000));
        }
        assert!(request.header("range").is_some());
        whole
    })
    .unwrap();
    let (result, left) = fetched(&options(&[&server]));
    assert_eq!(result.unwrap().size, content().len() as u64);
    assert_eq!(left, ["vmlinux.debug"]);
}

#[test]
fn a_wrong_file_leaves_nothing_behind() {
    let missing = Server::start(|_: &Request| Response::status(404)).unwrap();
    let (result, left) = fetched(&options(&[&missing]));
    assert!(matches!(result, Err(Error::NoDebugFile { tried, .. }) if tried.len() == 1));
    assert!(left.is_empty());

    let portal = Server::start(|_: &Request| Response::page()).unwrap();
    let (result, left) = fetched(&options(&[&portal, &missing]));
    let Err(Error::DebugFileUnavailable { tried, .. }) = result else { panic!("{result:?}") };
    assert!(tried[0].answer.contains("found an HTML page"), "{tried:?}");
    assert_eq!(tried.len(), 2);
    assert!(left.is_empty());

    let down = Server::start(|_: &Request| Response::status(503)).unwrap();
    let (result, left) = fetched(&options(&[&down]));
    assert!(matches!(result, Err(Error::DebugFileUnavailable { .. })));
    assert!(left.is_empty());
}
