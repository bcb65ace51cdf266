//! A bucket of an S3-compatible server: `scripts/check-bucket` starts one on the loopback interface and runs this.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use repository::storage::{Bucket, open};
use repository::{Condition, Error, Key, Storage};

/// `s3://bucket/prefix`, with a prefix of the test's own.
fn place(test: &str) -> String {
    format!("{}/{test}-{}", std::env::var("BUCKET").expect("BUCKET is s3://NAME"), std::process::id())
}

fn client() -> symbols::ClientOptions {
    symbols::Web::options()
}

fn key(text: &str) -> Key {
    text.parse().unwrap()
}

#[test]
#[ignore = "asks the S3-compatible server that AWS_ENDPOINT_URL names (scripts/check-bucket)"]
fn objects_are_written_read_listed_and_removed() {
    let store = open(&place("written"), &client()).unwrap();
    assert_eq!(store.read(&key("a/b.gz"), 10).unwrap(), None);
    assert_eq!(store.stat(&key("a/b.gz")).unwrap(), None);
    assert!(store.list("").unwrap().is_empty());
    let version = store.write(&key("a/b.gz"), b"text", &Condition::Absent).unwrap().unwrap();
    let object = store.read(&key("a/b.gz"), 4).unwrap().unwrap();
    assert_eq!((object.bytes.as_slice(), &object.version), (b"text".as_slice(), &version));
    let stat = store.stat(&key("a/b.gz")).unwrap().unwrap();
    assert_eq!((stat.size, &stat.version), (4, &version));
    assert!(matches!(store.read(&key("a/b.gz"), 3), Err(Error::TooLarge { limit: 3, .. })));
    for name in ["c.gz", "a b/é%2e+.gz", "ab/x", "a/.hidden"] {
        store.write(&key(name), b"", &Condition::Always).unwrap().unwrap();
        assert_eq!(store.read(&key(name), 0).unwrap().unwrap().bytes, b"", "{name}");
    }
    let listed = |prefix: &str| -> Vec<String> {
        store.list(prefix).unwrap().iter().map(|(key, _)| key.to_string()).collect()
    };
    assert_eq!(listed(""), ["a b/é%2e+.gz", "a/b.gz", "ab/x", "c.gz"]);
    assert_eq!(listed("a"), ["a/b.gz"]);
    assert_eq!(listed("a/"), ["a/b.gz"]);
    assert!(listed("nothing").is_empty());
    let (_, listed_stat) = store.list("a").unwrap().remove(0);
    assert_eq!((listed_stat.size, &listed_stat.version), (4, &version));
    store.remove(&key("c.gz")).unwrap();
    store.remove(&key("c.gz")).unwrap();
    assert_eq!(store.read(&key("c.gz"), 1).unwrap(), None);
}

#[test]
#[ignore = "asks the S3-compatible server that AWS_ENDPOINT_URL names (scripts/check-bucket)"]
fn conditions_hold() {
    let store = open(&place("conditions"), &client()).unwrap();
    let first = store.write(&key("k"), b"1", &Condition::Absent).unwrap().unwrap();
    assert_eq!(store.write(&key("k"), b"2", &Condition::Absent).unwrap(), None);
    let second = store.write(&key("k"), b"22", &Condition::Unchanged(first.clone())).unwrap().unwrap();
    assert_eq!(store.write(&key("k"), b"333", &Condition::Unchanged(first)).unwrap(), None);
    assert_eq!(store.read(&key("k"), 9).unwrap().unwrap().version, second);
    assert_eq!(store.write(&key("new"), b"", &Condition::Unchanged(second)).unwrap(), None);
    assert_eq!(store.stat(&key("new")).unwrap(), None);
}

#[test]
#[ignore = "asks the S3-compatible server that AWS_ENDPOINT_URL names (scripts/check-bucket)"]
fn more_objects_than_one_page_are_listed() {
    let store = open(&place("many"), &client()).unwrap();
    for number in 0..1100 {
        store.write(&key(&format!("nt/{number:04}.gz")), b"x", &Condition::Always).unwrap();
    }
    let names: Vec<String> = store.list("nt").unwrap().iter().map(|(key, _)| key.to_string()).collect();
    assert_eq!(names, (0..1100).map(|number| format!("nt/{number:04}.gz")).collect::<Vec<_>>());
}

#[test]
#[ignore = "asks the S3-compatible server that AWS_ENDPOINT_URL names (scripts/check-bucket)"]
fn a_missing_bucket_is_not_an_empty_one() {
    let store = Bucket::open("s3://nowhere-at-all/x", &client()).unwrap();
    let secret = std::env::var("AWS_SECRET_ACCESS_KEY").unwrap();
    let refused = |error: Error| {
        let text = error.to_string();
        assert!(text.starts_with("s3://nowhere-at-all/x") && text.contains("NoSuchBucket"), "{text}");
        assert!(!text.contains(&secret), "{text}");
    };
    refused(store.read(&key("k"), 1).unwrap_err());
    refused(store.list("").unwrap_err());
    refused(store.write(&key("k"), b"", &Condition::Always).unwrap_err());
    refused(store.write(&key("k"), b"", &Condition::Absent).unwrap_err());
}

/// How many processes write, how many of them are killed, and how often each writes.
const WRITERS: usize = 6;
const KILLED: usize = 3;
const ROUNDS: usize = 12;

/// The object of one round, 80 to 130 kB. Its writer and round show whether it is complete.
fn content(writer: usize, round: usize) -> Vec<u8> {
    format!("{writer} {round}\n").repeat(20_000 + 1000 * round).into_bytes()
}

/// One of the processes of the next test: in each round it writes an object of its own, adds a line to the shared
/// list, and reports it.
#[test]
#[ignore = "started by the test of several writers"]
fn writer() {
    let Ok(place) = std::env::var("BUCKET_PLACE") else { return };
    let writer: usize = std::env::var("BUCKET_WRITER").unwrap().parse().unwrap();
    let store = open(&place, &client()).unwrap();
    for round in 0..ROUNDS {
        let line = format!("{writer} {round}\n");
        let own = key(&format!("objects/{writer}-{round}"));
        let created = store.write(&own, &content(writer, round), &Condition::Absent).unwrap();
        assert!(created.is_some(), "{own} exists already");
        loop {
            let (mut text, condition) = match store.read(&key("list"), 1 << 20).unwrap() {
                Some(object) => (object.bytes, Condition::Unchanged(object.version)),
                None => (Vec::new(), Condition::Absent),
            };
            text.extend_from_slice(line.as_bytes());
            if store.write(&key("list"), &text, &condition).unwrap().is_some() {
                break;
            }
        }
        let mut out = std::io::stdout().lock();
        out.write_all(format!("\nwritten {line}").as_bytes()).unwrap();
        out.flush().unwrap();
    }
}

fn start(place: &str, writer: usize) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--ignored", "--exact", "writer", "--nocapture"])
        .env("BUCKET_PLACE", place)
        .env("BUCKET_WRITER", writer.to_string())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap()
}

#[test]
#[ignore = "asks the S3-compatible server that AWS_ENDPOINT_URL names (scripts/check-bucket)"]
fn no_writer_loses_the_writes_of_another() {
    let place = place("writers");
    let (teller, said) = mpsc::channel();
    let mut writers: Vec<Child> = (0..WRITERS).map(|writer| start(&place, writer)).collect();
    let readers: Vec<_> = writers
        .iter_mut()
        .map(|writer| {
            let (lines, teller) = (BufReader::new(writer.stdout.take().unwrap()).lines(), teller.clone());
            std::thread::spawn(move || {
                for line in lines.map_while(Result::ok) {
                    if let Some(line) = line.strip_prefix("written ") {
                        teller.send(line.to_owned()).unwrap();
                    }
                }
            })
        })
        .collect();
    drop(teller);
    // They are killed one after the other at arbitrary times.
    let mut acknowledged = BTreeSet::new();
    for (victim, writer) in writers.iter_mut().enumerate().take(KILLED) {
        let begun = acknowledged.len();
        while acknowledged.len() < begun + 5 {
            acknowledged.insert(said.recv_timeout(Duration::from_secs(60)).unwrap());
        }
        std::thread::sleep(Duration::from_millis(7 * victim as u64));
        writer.kill().unwrap();
    }
    acknowledged.extend(said.iter());
    readers.into_iter().for_each(|reader| reader.join().unwrap());
    let ended: Vec<bool> = writers.iter_mut().map(|writer| writer.wait().unwrap().success()).collect();
    assert!(ended[KILLED..].iter().all(|success| *success), "{ended:?}");
    assert!(ended[..KILLED].iter().any(|success| !success), "none was killed in time: {ended:?}");

    let store = open(&place, &client()).unwrap();
    let list = String::from_utf8(store.read(&key("list"), 1 << 20).unwrap().unwrap().bytes).unwrap();
    assert!(list.ends_with('\n'), "{list}");
    let mut times: BTreeMap<&str, usize> = BTreeMap::new();
    list.lines().for_each(|line| *times.entry(line).or_default() += 1);
    assert!(times.values().all(|times| *times == 1), "{times:?}");
    let lost: Vec<&String> = acknowledged.iter().filter(|line| !times.contains_key(line.as_str())).collect();
    assert!(lost.is_empty(), "{lost:?} of {}", acknowledged.len());
    // The writes that were not reported are at most one round of each killed process.
    assert!(times.len() <= acknowledged.len() + KILLED, "{} {}", times.len(), acknowledged.len());
    let mut seen = 0;
    for (name, stat) in store.list("objects").unwrap() {
        let (writer, round) = name.file_name().split_once('-').unwrap();
        let expected = content(writer.parse().unwrap(), round.parse().unwrap());
        assert_eq!(stat.size, expected.len() as u64, "{name}");
        assert!(store.read(&name, 1 << 24).unwrap().unwrap().bytes == expected, "{name}");
        seen += 1;
    }
    assert!(seen >= times.len(), "{seen} objects for {} lines", times.len());
    let (said, listed) = (acknowledged.len(), times.len());
    println!("{said} lines said, {listed} in the list, {seen} objects, all whole; ended well: {ended:?}");
}
