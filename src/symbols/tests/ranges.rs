//! Parts of one large file, read over HTTP.
#![allow(missing_docs, clippy::unwrap_used, clippy::panic)]

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use profile::Silent;
use symbol_server::{Fault, Request, Response, Server};
use symbols::{ClientOptions, Downloads, Patience, Ranges, Whole};

/// A file of 300 kB in which every place is different.
fn content() -> Vec<u8> {
    (0..100_000_u32).flat_map(|number| number.to_le_bytes().into_iter().take(3)).collect()
}

const WHOLE: Whole = Whole { limit: 1 << 20, signature: b"", kind: "a file" };

fn options() -> ClientOptions {
    let patience = Patience { retries: 2, first_pause: Duration::from_millis(1), ..Patience::default() };
    ClientOptions { patience, ..ClientOptions::default() }
}

fn serve(handler: impl Fn(&Request) -> Response + Send + Sync + 'static) -> (Server, Result<Ranges, String>) {
    let server = Server::start(handler).unwrap();
    let url = format!("{}/k.bundle", server.url()).parse().unwrap();
    let ranges = Ranges::open(&url, &options(), WHOLE, &Silent).map_err(|tried| tried.answer);
    (server, ranges)
}

fn ranged(request: &Request) -> Response {
    Response::bytes(content()).ranged(request, "\"1\"")
}

#[test]
fn only_the_parts_that_are_needed_are_fetched() {
    let (server, ranges) = serve(ranged);
    let (ranges, content) = (ranges.unwrap(), content());
    assert_eq!(ranges.length(), 300_000);
    for range in [0..16, 299_920..300_000, 290_000..299_000, 100_000..100_010, 0..0, 300_000..300_000] {
        let expected = &content[range.start as usize..range.end as usize];
        assert_eq!(ranges.read(range.clone()).unwrap(), expected, "{range:?}");
    }
    let asked: Vec<String> =
        server.requests().iter().map(|request| request.header("range").unwrap().to_owned()).collect();
    assert_eq!(asked, ["bytes=0-4095", "bytes=234464-299999", "bytes=100000-100009"]);
    assert!(ranges.read(299_999..300_001).is_err(), "beyond the end");
}

#[test]
fn a_file_that_is_read_from_front_to_back_is_read_in_growing_parts() {
    let (server, ranges) = serve(ranged);
    let (ranges, content) = (ranges.unwrap(), content());
    for start in (1000..230_000).step_by(1000) {
        let range = start..start + 1000;
        assert_eq!(ranges.read(range).unwrap(), content[start as usize..start as usize + 1000]);
    }
    assert!(server.requests().len() < 20, "{} requests", server.requests().len());
}

#[test]
fn a_server_without_ranges_sends_the_whole_file_once() {
    let (server, ranges) = serve(|_| Response::bytes(content()));
    let ranges = ranges.unwrap();
    assert_eq!(ranges.read(299_000..300_000).unwrap(), content()[299_000..]);
    assert_eq!(ranges.read(0..10).unwrap(), content()[..10]);
    assert_eq!(server.requests().len(), 1);

    let large = serve(|_| Response::bytes(vec![0; (1 << 20) + 1])).1.err().unwrap();
    assert!(large.contains("more than 1048576 bytes"), "{large}");
    let hidden = serve(|_| Response::bytes(vec![0; (1 << 20) + 1]).with_length(None)).1.err().unwrap();
    assert!(hidden.contains("more than 1048576 bytes"), "{hidden}");
}

#[test]
fn a_whole_file_of_another_kind_is_given_up_at_its_first_bytes() {
    let server = Server::start(|_| Response::bytes(content()).with_fault(Fault::StallAfter(4096))).unwrap();
    let url = format!("{}/k.bundle", server.url()).parse().unwrap();
    let whole = Whole { limit: u64::MAX, signature: b"\x89RPBUNDL", kind: "a bundle" };
    let tried = Ranges::open(&url, &options(), whole, &Silent).err().unwrap();
    assert!(tried.answer.contains("expected a bundle, found another file"), "{}", tried.answer);
    assert_eq!(server.requests().len(), 1, "another attempt would give the same");
    let whole = Whole { signature: &[0, 0, 0, 1], ..WHOLE };
    let server = Server::start(|_| Response::bytes(content())).unwrap();
    let url = format!("{}/k.bundle", server.url()).parse().unwrap();
    let ranges = Ranges::open(&url, &options(), whole, &Silent).unwrap();
    assert_eq!(ranges.read(0..300_000).unwrap(), content());
}

#[test]
fn a_file_that_changes_is_noticed() {
    for change in [0, 1, 2] {
        let count = AtomicUsize::new(0);
        let (_server, ranges) = serve(move |request| match (count.fetch_add(1, Ordering::SeqCst), change) {
            (0, _) => ranged(request),
            (_, 0) => Response::bytes(content()).ranged(request, "\"2\""),
            (_, 1) => Response::bytes([content(), vec![0]].concat()).ranged(request, "\"1\""),
            _ => Response::bytes(content()),
        });
        let error = ranges.unwrap().read(100_000..100_010).unwrap_err().answer;
        let expected = if change == 2 { "no longer gives parts" } else { "changed while it was read" };
        assert!(error.contains(expected), "{error}");
    }
}

#[test]
fn wrong_answers_are_refused() {
    let part = |header: &'static str| {
        move |_: &Request| Response::bytes(vec![0; 4096]).with_status(206).with("Content-Range", header)
    };
    for header in [
        "bytes 1-4096/300000",
        "bytes 0-4095/*",
        "bytes 0-4095/100",
        "0-4095",
        "bytes 0-18446744073709551615/18446744073709551615",
    ] {
        assert!(serve(part(header)).1.is_err(), "{header}");
    }
    for (status, expected) in
        [(404, "not there"), (403, "refused"), (416, "no such bytes"), (500, "after 3 attempts")]
    {
        let (server, answer) = serve(move |_| Response::status(status));
        let answer = answer.err().unwrap();
        assert!(answer.contains(expected), "{answer}");
        assert_eq!(server.requests().len(), if status == 500 { 3 } else { 1 });
    }
    let endless = serve(|_| Response::redirect("/k.bundle")).1.err().unwrap();
    assert!(endless.contains("redirects"), "{endless}");
    let cut = |request: &Request| ranged(request).with_fault(Fault::BreakAfter(100));
    assert!(serve(cut).1.is_err());
}

#[test]
fn failures_that_pass_are_tried_again() {
    let count = AtomicUsize::new(0);
    let (_server, ranges) = serve(move |request| match count.fetch_add(1, Ordering::SeqCst) {
        0 => Response::status(503),
        1 => ranged(request).with_fault(Fault::BreakAfter(100)),
        _ => ranged(request),
    });
    assert_eq!(ranges.unwrap().read(10..20).unwrap(), content()[10..20]);
}

#[test]
fn a_server_that_does_not_answer_is_asked_for_one_file_in_a_run() {
    let server = Server::start(|_| Response::bytes(content()).with_fault(Fault::Mute)).unwrap();
    let idle_limit = Duration::from_millis(300);
    let downloads = Downloads::new(ClientOptions { idle_limit, ..options() });
    for file in 0..5 {
        let url = format!("{}/{file}.exe", server.url()).parse().unwrap();
        assert!(downloads.parts(&url, WHOLE, &Silent).is_err(), "{file}");
    }
    assert_eq!(server.paths(), ["/0.exe"]);
}

#[test]
fn a_server_that_fails_is_tried_again_for_one_file_in_a_run() {
    let server = Server::start(|_| Response::status(503)).unwrap();
    let downloads = Downloads::new(options());
    for file in 0..4 {
        let url = format!("{}/{file}.exe", server.url()).parse().unwrap();
        assert!(downloads.parts(&url, WHOLE, &Silent).is_err(), "{file}");
    }
    assert_eq!(server.paths(), ["/0.exe", "/0.exe", "/0.exe", "/1.exe", "/2.exe", "/3.exe"]);
}
