//! Every kind of download with every kind of server misbehaviour: PDBs, debug files, profiles of a repository,
//! objects of a bucket.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::io::{Read, Seek, SeekFrom};
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use profile::Silent;
use repository::storage::{Bucket, Site};
use repository::{Error, Key, Storage};
use symbol_server::hostile::{Mode, hostile};
use symbol_server::{Response, Server, fixture};
use symbols::{
    BuildId, ClientOptions, DebugOptions, Fetcher, LeastRate, Options, Patience, Wanted, Web, fetch_debug,
};

const GUID_AGE: &str = "F8E2A8B5C9B74BF4A6E4A48F180099942";
const BUILD_ID: &str = "3b43fad5034874490492495d552c0af6a5fab235";
/// The largest accepted file.
const LIMIT: u64 = 4 << 20;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Pdb,
    DebugFile,
    Repository,
    Bucket,
}

const KINDS: [Kind; 4] = [Kind::Pdb, Kind::DebugFile, Kind::Repository, Kind::Bucket];

/// The result of a download.
#[derive(Debug, PartialEq, Eq)]
enum Came {
    Found(Vec<u8>),
    Missing,
    Refused,
    Failed(String),
}

/// The required result.
#[derive(Debug)]
enum Expected {
    /// The valid file, byte for byte.
    Good,
    Missing,
    Refused,
    /// Nothing, for a reason that contains one of these words.
    Failed(&'static [&'static str]),
}

fn expected(kind: Kind, mode: Mode) -> Expected {
    use Expected::{Failed, Good, Missing, Refused};
    match mode {
        Mode::Good | Mode::Gzip | Mode::Deflate | Mode::TooMany => Good,
        // Restarted and never joined.
        Mode::MixedVersions | Mode::MixedSilently | Mode::MixedWeak | Mode::WrongRange | Mode::OtherSize => {
            Good
        }
        Mode::UnknownEncoding => Failed(&["\"br\""]),
        Mode::FalseEncoding => Failed(&["cannot be undone"]),
        Mode::Endless => Failed(&["found a text"]),
        Mode::EndlessZeros | Mode::GzipBomb if kind == Kind::Pdb => Failed(&["more than its header states"]),
        Mode::EndlessZeros | Mode::GzipBomb | Mode::HugeLength => {
            Failed(&["which is the limit", "larger than"])
        }
        Mode::Drip => Failed(&["given up"]),
        Mode::HeaderDrip | Mode::Mute => Failed(&["in time"]),
        Mode::Truncated | Mode::Reset => Failed(&["gave up after"]),
        // An object may be empty.
        Mode::Empty if kind == Kind::Bucket => Good,
        Mode::Empty => Failed(&["empty", "0 bytes"]),
        Mode::Zeros => Failed(&["a file of zeros"]),
        Mode::Page => Failed(&["an HTML page"]),
        Mode::PointerToPath | Mode::PointerToShare if kind == Kind::Pdb => {
            Failed(&["a server can lead to an address only"])
        }
        Mode::PointerToPath | Mode::PointerToShare | Mode::Missing => Missing,
        Mode::Unauthorized => Failed(&["401"]),
        Mode::Refused => Refused,
        Mode::TooManyForLong => Failed(&["86400 s"]),
        Mode::Unavailable => Failed(&["503"]),
        Mode::RedirectLoop => Failed(&["redirects"]),
        Mode::RedirectToFile => Failed(&["of the kind file"]),
        Mode::HugeHeaders | Mode::EndlessLine | Mode::EndlessHints | Mode::NotHttp => Failed(&[""]),
    }
}

/// A good file of this kind.
fn good(kind: Kind) -> Vec<u8> {
    match kind {
        Kind::Pdb => fixture::pdb(GUID_AGE.parse().unwrap(), 100_000).unwrap(),
        Kind::DebugFile => {
            [b"\x7fELF".to_vec(), (0..30_000u32).flat_map(u32::to_le_bytes).collect()].concat()
        }
        Kind::Repository | Kind::Bucket => {
            let constants: Vec<String> =
                (0..5000).map(|number| format!("\"Symbol{number:05}\": {number}")).collect();
            format!(
                "{{\"$CONSTANTS\": {{{}}}, \"$METADATA\": {{\"ProfileClass\": \"Nt\", \"Type\": \"Profile\"}}}}",
                constants.join(", ")
            )
            .into_bytes()
        }
    }
}

/// Options of a client with little patience.
fn client() -> ClientOptions {
    ClientOptions {
        patience: Patience {
            retries: 3,
            first_pause: Duration::from_millis(1),
            longest_pause: Duration::from_secs(5),
        },
        connect_limit: Duration::from_secs(5),
        idle_limit: Duration::from_secs(2),
        least_rate: LeastRate { bytes_per_second: 2000, during: Duration::from_secs(1) },
        ..ClientOptions::default()
    }
}

fn fetch(kind: Kind, url: &str, folder: &Path) -> Came {
    match kind {
        Kind::Pdb => pdb(url, folder),
        Kind::DebugFile => debug_file(url, folder),
        Kind::Repository => {
            let site = Site::new(url.parse().unwrap(), Some(folder), client());
            object(&site)
        }
        Kind::Bucket => {
            let settings = [
                ("AWS_ENDPOINT_URL", url),
                ("AWS_ALLOW_HTTP", "true"),
                ("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE"),
                ("AWS_SECRET_ACCESS_KEY", "wJalrXUtnFEMI"),
                ("AWS_REGION", "us-east-1"),
            ];
            let settings = settings.map(|(name, value)| (name.to_owned(), value.to_owned()));
            object(&Bucket::open_with("s3://bucket/v1.0", &client(), settings).unwrap())
        }
    }
}

fn pdb(url: &str, folder: &Path) -> Came {
    let mut options = Options::new(format!("srv*{url}").parse().unwrap(), folder.to_owned());
    options.client = client();
    options.size_limit = LIMIT;
    let wanted = Wanted::new("k.pdb".parse().unwrap(), GUID_AGE.parse().unwrap());
    match Fetcher::new(options).fetch(&wanted, &Silent) {
        Ok(found) => Came::Found(std::fs::read(found.path).unwrap()),
        Err(symbols::Error::Missing { .. }) => Came::Missing,
        Err(symbols::Error::Refused { .. }) => Came::Refused,
        Err(error) => Came::Failed(error.to_string()),
    }
}

fn debug_file(url: &str, folder: &Path) -> Came {
    let mut options = DebugOptions::new(vec![url.parse().unwrap()]);
    options.client = client();
    options.size_limit = LIMIT;
    let id: BuildId = BUILD_ID.parse().unwrap();
    let judge = |mut file: &std::fs::File| {
        let mut bytes = Vec::new();
        file.seek(SeekFrom::Start(0)).unwrap();
        file.read_to_end(&mut bytes).unwrap();
        let length = bytes.len();
        if bytes == good(Kind::DebugFile) { Ok(()) } else { Err(format!("{length} bytes of something else")) }
    };
    match fetch_debug(&id, &folder.join("vmlinux.debug"), &options, &judge, &Silent) {
        Ok(file) => Came::Found(std::fs::read(file.path).unwrap()),
        Err(symbols::Error::NoDebugFile { .. }) => Came::Missing,
        Err(symbols::Error::DebugFileRefused { .. }) => Came::Refused,
        Err(error) => Came::Failed(error.to_string()),
    }
}

fn object(storage: &dyn Storage) -> Came {
    let key: Key = format!("nt/GUID/{GUID_AGE}.gz").parse().unwrap();
    match storage.read(&key, LIMIT) {
        Ok(Some(object)) => Came::Found(object.bytes),
        Ok(None) => Came::Missing,
        Err(Error::Refused { .. }) => Came::Refused,
        Err(error) => Came::Failed(error.to_string()),
    }
}

/// The paths on which a server misbehaves.
fn leaves(kind: Kind) -> Vec<String> {
    match kind {
        Kind::Pdb => vec![format!("k.pdb/{GUID_AGE}/k.pdb")],
        Kind::DebugFile => vec![format!("buildid/{BUILD_ID}/debuginfo")],
        Kind::Repository | Kind::Bucket => vec![format!("nt/GUID/{GUID_AGE}.gz")],
    }
}

fn serving(kind: Kind, mode: Mode) -> impl Fn(&symbol_server::Request) -> Response + Send + Sync + 'static {
    hostile(mode, good(kind), leaves(kind))
}

/// The files that a download left in a folder.
fn left(folder: &Path) -> Vec<String> {
    let mut files = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() { folders.push(path) } else { files.push(path.display().to_string()) }
        }
    }
    files
}

/// The error in how a kind of download handles a mode; `None` if there is none.
fn problem(kind: Kind, mode: Mode) -> Option<String> {
    let server = Server::start(serving(kind, mode)).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let begun = Instant::now();
    let came = fetch(kind, &server.url(), folder.path());
    let took = begun.elapsed();
    let file = if mode == Mode::Empty { Vec::new() } else { good(kind) };
    let expected = expected(kind, mode);
    let right = match (&expected, &came) {
        (Expected::Good, Came::Found(bytes)) => *bytes == file,
        (Expected::Missing, Came::Missing) | (Expected::Refused, Came::Refused) => true,
        (Expected::Failed(words), Came::Failed(reason)) => words.iter().any(|word| reason.contains(word)),
        _ => false,
    };
    let came = match came {
        Came::Found(bytes) => format!("{} bytes, the good ones: {}", bytes.len(), bytes == file),
        came => format!("{came:?}"),
    };
    if !right {
        return Some(format!("{kind:?} {mode:?}: expected {expected:?}, came {came}"));
    }
    if took > Duration::from_secs(20) {
        return Some(format!("{kind:?} {mode:?}: took {took:?}"));
    }
    if matches!(mode, Mode::Refused | Mode::Missing) && took > Duration::from_secs(3) {
        return Some(format!("{kind:?} {mode:?}: a clear answer took {took:?}"));
    }
    let left = left(folder.path());
    let kept = matches!(expected, Expected::Good) && kind != Kind::Bucket;
    (left.len() != usize::from(kept)).then(|| format!("{kind:?} {mode:?}: left {left:?}"))
}

#[test]
fn every_kind_of_download_withstands_every_server() {
    let pairs: Vec<(Kind, Mode)> =
        KINDS.iter().flat_map(|kind| Mode::ALL.iter().map(|mode| (*kind, *mode))).collect();
    let next = AtomicUsize::new(0);
    let problems: Vec<String> = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..8)
            .map(|_| {
                scope.spawn(|| {
                    let mut problems = Vec::new();
                    while let Some((kind, mode)) = pairs.get(next.fetch_add(1, Ordering::Relaxed)) {
                        problems.extend(problem(*kind, *mode));
                    }
                    problems
                })
            })
            .collect();
        workers.into_iter().flat_map(|worker| worker.join().unwrap()).collect()
    });
    assert!(problems.is_empty(), "{} of {}:\n{}", problems.len(), pairs.len(), problems.join("\n"));
}

#[test]
fn an_untrusted_certificate_is_refused_by_every_kind() {
    for kind in KINDS {
        let (server, _) = Server::start_tls(serving(kind, Mode::Good)).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let begun = Instant::now();
        match fetch(kind, &server.url_as("localhost"), folder.path()) {
            Came::Failed(reason) => assert!(reason.contains("certificate"), "{kind:?}: {reason}"),
            came => panic!("{kind:?}: {came:?}"),
        }
        assert_eq!(server.requests().len(), 0, "{kind:?}");
        assert_eq!(server.connections(), 1, "{kind:?}: it does not get better by asking again");
        assert!(begun.elapsed() < Duration::from_secs(5), "{kind:?}");
    }
}

#[test]
fn offline_no_kind_contacts_anybody() {
    for kind in [Kind::Repository, Kind::Bucket] {
        let server = Server::start(serving(kind, Mode::Good)).unwrap();
        let place = match kind {
            Kind::Bucket => "s3://bucket/v1.0".to_owned(),
            _ => server.url(),
        };
        let client = ClientOptions { offline: true, ..Web::options() };
        let options = repository::Options { cache: None, client };
        let repositories = repository::Repositories::open(&[place], &options).unwrap();
        let name = format!("nt/GUID/{GUID_AGE}").parse().unwrap();
        let error = repositories.load(&name, &Silent).map(|_| ()).unwrap_err();
        assert!(matches!(error, Error::NotFound { .. }), "{kind:?}: {error}");
        assert_eq!(server.connections(), 0, "{kind:?}");
    }
}

#[test]
fn a_public_bucket_is_read_without_a_signature_and_a_private_one_with() {
    for (public, signed) in [(true, false), (false, true)] {
        let server = Server::start(serving(Kind::Bucket, Mode::Good)).unwrap();
        let settings = [
            ("AWS_ENDPOINT_URL", server.url()),
            ("AWS_ALLOW_HTTP", "true".to_owned()),
            ("AWS_SKIP_SIGNATURE", public.to_string()),
            ("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE".to_owned()),
            ("AWS_SECRET_ACCESS_KEY", "wJalrXUtnFEMI".to_owned()),
        ];
        let settings = settings.map(|(name, value)| (name.to_owned(), value));
        let bucket = Bucket::open_with("s3://bucket/v1.0", &client(), settings).unwrap();
        assert_eq!(object(&bucket), Came::Found(good(Kind::Bucket)));
        let target = server.requests()[0].target.clone();
        assert!(target.starts_with("/bucket/v1.0/nt/GUID/"), "{target}");
        assert_eq!(target.contains("X-Amz-Signature="), signed, "{target}");
        assert!(!target.contains("wJalrXUtnFEMI"), "{target}");
    }
}

#[test]
fn a_buckets_refusal_is_reported_and_a_missing_bucket_is_not_empty() {
    let error = |status: u16, body: &'static str| {
        let server = Server::start(move |_| Response::bytes(body.as_bytes()).with_status(status)).unwrap();
        let settings = [
            ("AWS_ENDPOINT_URL", server.url()),
            ("AWS_ALLOW_HTTP", "true".to_owned()),
            ("AWS_SKIP_SIGNATURE", "true".to_owned()),
        ];
        let settings = settings.map(|(name, value)| (name.to_owned(), value));
        object(&Bucket::open_with("s3://bucket", &client(), settings).unwrap())
    };
    let missing = "<Error><Code>NoSuchKey</Code><Message>no key</Message></Error>";
    assert_eq!(error(404, missing), Came::Missing);
    let gone = "<Error><Code>NoSuchBucket</Code><Message>no bucket</Message></Error>";
    let Came::Failed(reason) = error(404, gone) else { panic!("expected a failure") };
    assert!(reason.contains("NoSuchBucket: no bucket"), "{reason}");
    assert_eq!(error(403, "<Error><Code>AccessDenied</Code></Error>"), Came::Refused);
}
