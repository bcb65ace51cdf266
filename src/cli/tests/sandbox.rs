//! The sandbox, applied in separate processes: allowed actions work and everything else is refused, in threads that
//! were started before and after. Features that a kernel lacks are listed and not asserted.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

// Not every test uses all of it.
#[allow(dead_code)]
#[path = "../src/sandbox/mod.rs"]
mod sandbox;

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io;
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::os::unix::net::{UnixDatagram, UnixStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::mpsc;

use sandbox::{Access, Layer, Network};

/// Selects a child's role, and its folder.
const PART: &str = "SANDBOX_TEST_PART";
const FOLDER: &str = "SANDBOX_TEST_FOLDER";
const ADDRESS: &str = "SANDBOX_TEST_ADDRESS";

/// The results of a child's attempts: success, or the system's error number.
type Results = BTreeMap<String, Option<i32>>;

/// Runs a child, and reads what it prints.
fn play(part: &str, folder: &Path, address: &str) -> Results {
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "child", "--include-ignored", "--nocapture"])
        .env(PART, part)
        .env(FOLDER, folder)
        .env(ADDRESS, address)
        .env("TMPDIR", folder.join("shared"))
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{part}: {}\n{text}\n{errors}", output.status);
    let line = |line: &str| {
        let (name, result) = line.strip_prefix("attempt ")?.rsplit_once(": ")?;
        Some((name.to_owned(), result.parse().ok()))
    };
    let results: Results = text.lines().filter_map(line).collect();
    assert!(!results.is_empty(), "{part}: {text}\n{errors}");
    results
}

/// The files for the children: an input, a secret, and folders to write to.
fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for name in ["inputs", "elsewhere", "behind", "out", "store", "shared"] {
        fs::create_dir(folder.path().join(name)).unwrap();
    }
    for name in ["inputs/image.E01", "inputs/image.E02", "elsewhere/secret", "shared/secret", "out/old"] {
        fs::write(folder.path().join(name), name).unwrap();
    }
    std::os::unix::fs::symlink("../behind/moved", folder.path().join("out/link")).unwrap();
    folder
}

/// The version of Landlock in the kernel; 0 if there is none. Queried without the library.
fn landlock() -> i64 {
    const VERSION: libc::c_ulong = 1;
    call(libc::SYS_landlock_create_ruleset, [0, 0, VERSION]).unwrap_or(0)
}

/// A system call whose arguments are numbers and null pointers.
fn call(number: libc::c_long, arguments: [libc::c_ulong; 3]) -> io::Result<i64> {
    let [first, second, third] = arguments;
    // SAFETY: The calls in this file are given numbers, and null for every pointer. The kernel checks all of them, and
    // writes to no memory of this process.
    #[allow(unsafe_code, reason = "the standard library has no function for these calls")]
    let result = unsafe { libc::syscall(number, first, second, third) };
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(result) }
}

#[track_caller]
fn refused(results: &Results, name: &str, errors: &[i32]) {
    let result = results.get(name).unwrap_or_else(|| panic!("'{name}' was not tried: {results:?}"));
    assert!(result.is_some_and(|error| errors.contains(&error)), "'{name}' gave {result:?}: {results:?}");
}

#[track_caller]
fn works(results: &Results, name: &str) {
    assert_eq!(results.get(name), Some(&None), "'{name}': {results:?}");
}

const FILE_ERRORS: [i32; 1] = [libc::EACCES];
const CALL_ERRORS: [i32; 1] = [libc::EPERM];
/// Changes a mode by name, since Linux 6.6.
const FCHMODAT2: libc::c_long = 452;
const THREADS: [&str; 3] = ["first thread", "later thread", "earlier thread"];
const CALLS: [&str; 11] = [
    "TCP socket",
    "UDP socket",
    "local socket",
    "pair of sockets",
    "raw socket",
    "packet socket",
    "io_uring",
    "trace",
    "start a program",
    "type into the terminal",
    "mode by name",
];

#[test]
fn a_command_without_network_reaches_its_files_only() {
    let folder = folder();
    let results = play("strict", folder.path(), "");
    for name in ["read secret", "create elsewhere", "read input", "create output", "TCP socket"] {
        works(&results, &format!("before: {name}"));
    }
    for thread in THREADS {
        for name in CALLS {
            refused(&results, &format!("{thread}: {name}"), &CALL_ERRORS);
        }
    }
    if landlock() == 0 {
        println!("this kernel has no Landlock: files were not tried");
        return;
    }
    // The kernel restricts existing threads from version 8 on; on older ones the program must not have started any.
    for thread in ["first thread", "later thread"] {
        for name in [
            "read input",
            "read companion",
            "list inputs",
            "create output",
            "replace output",
            "remove output",
        ] {
            works(&results, &format!("{thread}: {name}"));
        }
        works(&results, &format!("{thread}: create behind a link"));
        for name in [
            "read secret",
            "read a system's file",
            "read what others unpack",
            "create elsewhere",
            "append to secret",
            "remove secret",
            "rename secret",
            "create a folder",
            "write input",
            "list elsewhere",
        ] {
            refused(&results, &format!("{thread}: {name}"), &FILE_ERRORS);
        }
        // Moves between folders fail like those between file systems if the right is missing.
        refused(&results, &format!("{thread}: link secret"), &[libc::EXDEV, libc::EACCES]);
        if landlock() >= 3 {
            refused(&results, &format!("{thread}: cut secret"), &FILE_ERRORS);
        }
    }
    assert_eq!(fs::read_to_string(folder.path().join("elsewhere/secret")).unwrap(), "elsewhere/secret");
}

#[test]
fn a_command_that_listens_makes_no_connection() {
    let folder = folder();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let results = play("listen", folder.path(), &listener.local_addr().unwrap().to_string());
    works(&results, "listen");
    for name in [
        "connect",
        "UDP socket",
        "local socket",
        "pair of sockets",
        "netlink socket",
        "packet socket",
        "start a program",
    ] {
        refused(&results, name, &CALL_ERRORS);
    }
    match landlock() {
        0 => println!("this kernel has no Landlock: files were not tried"),
        _ => refused(&results, "read a system's file", &FILE_ERRORS),
    }
}

#[test]
fn a_command_that_fetches_connects_but_its_files_stay_restricted() {
    let folder = folder();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let results = play("connect", folder.path(), &listener.local_addr().unwrap().to_string());
    works(&results, "connect");
    works(&results, "resolve a name");
    works(&results, "look for certificates");
    refused(&results, "listen", &[libc::EPERM, libc::EACCES]);
    refused(&results, "raw socket", &CALL_ERRORS);
    refused(&results, "packet socket", &CALL_ERRORS);
    match landlock() {
        0 => println!("this kernel has no Landlock: files were not tried"),
        _ => {
            refused(&results, "read secret", &FILE_ERRORS);
            refused(&results, "read a system's file", &FILE_ERRORS);
            refused(&results, "create elsewhere", &FILE_ERRORS);
        }
    }
}

#[test]
fn stores_are_filled_and_emptied_and_moved_within() {
    let folder = folder();
    let results = play("store", folder.path(), "");
    for name in
        ["make folders", "create", "move between folders", "link", "remove", "remove folder", "new store"]
    {
        works(&results, name);
    }
    match landlock() {
        0 | 1 => println!("this kernel's Landlock cannot allow moves: nothing is restricted for stores"),
        _ => refused(&results, "read secret", &FILE_ERRORS),
    }
    assert!(folder.path().join("new/store/kept").is_file());
    assert!(!folder.path().join("unused").exists(), "an unused folder is removed");
}

#[test]
fn temporary_files_are_private_and_gone_at_the_end() {
    let folder = folder();
    let shared = folder.path().join("shared");
    for name in ["rekall-profile.killed", "rekall-profile.used"] {
        fs::create_dir(shared.join(name)).unwrap();
        fs::write(shared.join(name).join("file"), "half").unwrap();
    }
    let used = File::open(shared.join("rekall-profile.used")).unwrap();
    used.lock().unwrap();
    let results = play("scratch", folder.path(), "");
    works(&results, "unnamed temporary file");
    works(&results, "temporary folder");
    if landlock() > 0 {
        refused(&results, "read what others unpack", &FILE_ERRORS);
        refused(&results, "create among the files of others", &FILE_ERRORS);
    }
    let mut left: Vec<_> = fs::read_dir(&shared).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    left.sort();
    // The folder of this run is gone, and that of a killed one; that of a running one stays.
    assert_eq!(left, ["rekall-profile.used", "secret"]);
}

#[test]
fn the_report_shows_what_this_kernel_enforces() {
    let folder = folder();
    let results = play("state", folder.path(), "");
    let works_here = |name: &str| results.get(name) == Some(&None);
    assert_eq!(works_here("files enforced"), landlock() > 0);
    assert!(works_here("calls enforced"), "{results:?}");
}

// The actions of the children.

/// Not a test: the tests run it in processes of their own.
#[test]
#[ignore = "run by the other tests"]
fn child() {
    let (Some(part), Some(folder)) = (std::env::var_os(PART), std::env::var_os(FOLDER)) else { return };
    let folder = PathBuf::from(folder);
    match part.to_str().unwrap() {
        "strict" => strict(&folder),
        "listen" => listen(&folder),
        "connect" => connect(&folder),
        "store" => store(&folder),
        "scratch" => scratch(&folder),
        "state" => state(&folder),
        part => panic!("{part}"),
    }
}

fn attempt<T>(name: &str, result: io::Result<T>) {
    match result {
        Ok(_) => println!("\nattempt {name}: works"),
        // An error without a number does not come from the system.
        Err(error) => println!("\nattempt {name}: {}", error.raw_os_error().unwrap_or(-1)),
    }
}

fn strict(folder: &Path) {
    attempts("before", folder);
    fs::write(folder.join("out/old"), "old").unwrap();
    let _ = fs::remove_file(folder.join("elsewhere/new"));
    let (go, wait) = mpsc::channel::<()>();
    let earlier = {
        let folder = folder.to_owned();
        std::thread::spawn(move || {
            wait.recv().unwrap();
            calls("earlier thread", &folder);
        })
    };
    let mut access = Access::default();
    access.read_beside(folder.join("inputs/image.E01"));
    access.write(folder.join("out/new")).write(folder.join("out/link"));
    sandbox::enter(&access);
    attempts("first thread", folder);
    let later = folder.to_owned();
    std::thread::spawn(move || attempts("later thread", &later)).join().unwrap();
    go.send(()).unwrap();
    earlier.join().unwrap();
}

fn attempts(thread: &str, folder: &Path) {
    calls(thread, folder);
    let at = |name: &str| folder.join(name);
    let before = thread == "before";
    attempt(&format!("{thread}: read input"), File::open(at("inputs/image.E01")));
    attempt(&format!("{thread}: read companion"), File::open(at("inputs/image.E02")));
    attempt(&format!("{thread}: list inputs"), fs::read_dir(at("inputs")));
    attempt(&format!("{thread}: create output"), fs::write(at("out/new"), "new"));
    attempt(&format!("{thread}: replace output"), fs::rename(at("out/new"), at("out/old")));
    attempt(&format!("{thread}: remove output"), fs::remove_file(at("out/old")));
    attempt(&format!("{thread}: create elsewhere"), fs::write(at("elsewhere/new"), "new"));
    attempt(&format!("{thread}: read secret"), File::open(at("elsewhere/secret")));
    if before {
        return;
    }
    attempt(&format!("{thread}: create behind a link"), fs::write(at("out/link"), "new"));
    attempt(&format!("{thread}: read a system's file"), File::open("/etc/passwd"));
    attempt(&format!("{thread}: read what others unpack"), File::open(at("shared/secret")));
    attempt(
        &format!("{thread}: append to secret"),
        OpenOptions::new().append(true).open(at("elsewhere/secret")),
    );
    attempt(
        &format!("{thread}: cut secret"),
        OpenOptions::new().write(true).truncate(true).open(at("elsewhere/secret")),
    );
    attempt(&format!("{thread}: remove secret"), fs::remove_file(at("elsewhere/secret")));
    attempt(&format!("{thread}: rename secret"), fs::rename(at("elsewhere/secret"), at("elsewhere/public")));
    attempt(&format!("{thread}: link secret"), fs::hard_link(at("elsewhere/secret"), at("out/public")));
    attempt(&format!("{thread}: create a folder"), fs::create_dir(at("out/folder")));
    attempt(&format!("{thread}: write input"), OpenOptions::new().write(true).open(at("inputs/image.E01")));
    attempt(&format!("{thread}: list elsewhere"), fs::read_dir(at("elsewhere")));
}

fn calls(thread: &str, _: &Path) {
    attempt(&format!("{thread}: TCP socket"), TcpListener::bind("127.0.0.1:0"));
    if thread == "before" {
        return;
    }
    attempt(&format!("{thread}: UDP socket"), UdpSocket::bind("127.0.0.1:0"));
    attempt(&format!("{thread}: local socket"), UnixDatagram::unbound());
    attempt(&format!("{thread}: pair of sockets"), UnixStream::pair());
    attempt(&format!("{thread}: raw socket"), socket(libc::AF_INET, libc::SOCK_RAW));
    attempt(&format!("{thread}: packet socket"), socket(libc::AF_PACKET, libc::SOCK_RAW));
    attempt(&format!("{thread}: io_uring"), call(libc::SYS_io_uring_setup, [1, 0, 0]));
    // Process 0 does not exist.
    let attach = libc::c_ulong::from(libc::PTRACE_ATTACH);
    attempt(&format!("{thread}: trace"), call(libc::SYS_ptrace, [attach, 0, 0]));
    attempt(&format!("{thread}: start a program"), Command::new("/bin/true").status());
    let typing = call(libc::SYS_ioctl, [0, libc::TIOCSTI as libc::c_ulong, 0]);
    attempt(&format!("{thread}: type into the terminal"), typing);
    attempt(&format!("{thread}: mode by name"), call(FCHMODAT2, [0, 0, 0]));
}

fn socket(family: i32, kind: i32) -> io::Result<i64> {
    call(libc::SYS_socket, [family.unsigned_abs().into(), kind.unsigned_abs().into(), 0])
}

fn listen(folder: &Path) {
    let mut access = Access::default();
    access.read_store(folder.join("store")).network_as(Network::Listen);
    sandbox::enter(&access);
    attempt("listen", TcpListener::bind("127.0.0.1:0"));
    attempt("connect", TcpStream::connect(std::env::var(ADDRESS).unwrap()));
    attempt("UDP socket", UdpSocket::bind("127.0.0.1:0"));
    attempt("local socket", UnixDatagram::unbound());
    attempt("pair of sockets", UnixStream::pair());
    attempt("netlink socket", socket(libc::AF_NETLINK, libc::SOCK_RAW));
    attempt("packet socket", socket(libc::AF_PACKET, libc::SOCK_RAW));
    attempt("start a program", Command::new("/bin/true").status());
    attempt("read a system's file", File::open("/etc/passwd"));
}

fn connect(folder: &Path) {
    let mut access = Access::default();
    access.write(folder.join("out/new")).network_as(Network::Connect);
    sandbox::enter(&access);
    attempt("connect", TcpStream::connect(std::env::var(ADDRESS).unwrap()));
    attempt("resolve a name", std::net::ToSocketAddrs::to_socket_addrs("localhost:80").map(|_| ()));
    let certificates = fs::read_dir("/etc/ssl/certs").map(|_| ());
    attempt(
        "look for certificates",
        certificates.or_else(|error| match error.kind() {
            io::ErrorKind::NotFound => Ok(()),
            _ => Err(error),
        }),
    );
    attempt("listen", TcpListener::bind("127.0.0.1:0"));
    attempt("read a system's file", File::open("/etc/passwd"));
    attempt("raw socket", socket(libc::AF_INET, libc::SOCK_RAW));
    attempt("packet socket", socket(libc::AF_PACKET, libc::SOCK_RAW));
    attempt("read secret", File::open(folder.join("elsewhere/secret")));
    attempt("create elsewhere", fs::write(folder.join("elsewhere/new"), "new"));
}

fn store(folder: &Path) {
    let at = |name: &str| folder.join(name);
    let mut access = Access::default();
    access.fill(at("store")).fill(at("new/store")).fill(at("unused/below"));
    sandbox::enter(&access);
    attempt("make folders", fs::create_dir_all(at("store/a/b")));
    attempt("create", fs::write(at("store/.partial"), "new"));
    attempt("move between folders", fs::rename(at("store/.partial"), at("store/a/b/file")));
    attempt("link", fs::hard_link(at("store/a/b/file"), at("store/a/b/again")));
    attempt(
        "remove",
        fs::remove_file(at("store/a/b/file")).and_then(|()| fs::remove_file(at("store/a/b/again"))),
    );
    attempt("remove folder", fs::remove_dir(at("store/a/b")));
    attempt("new store", fs::write(at("new/store/kept"), "new"));
    attempt("read secret", File::open(at("elsewhere/secret")));
    sandbox::clean_up();
}

fn scratch(folder: &Path) {
    let mut access = Access::default();
    access.unpack();
    sandbox::enter(&access);
    attempt("unnamed temporary file", tempfile::tempfile());
    let inner =
        tempfile::tempdir().and_then(|folder| fs::write(folder.path().join("file"), "new").map(|()| folder));
    // It is left behind, as by a process that is told to stop.
    attempt("temporary folder", inner.map(tempfile::TempDir::keep));
    attempt("read what others unpack", File::open(folder.join("shared/secret")));
    attempt("create among the files of others", fs::write(folder.join("shared/new"), "new"));
    sandbox::clean_up();
}

fn state(_: &Path) {
    let sandbox = sandbox::enter(&Access::default());
    let enforced = |layer: &Layer| match layer {
        Layer::Enforced(_) => Ok(()),
        Layer::Missing(why) => Err(io::Error::other(why.clone())),
    };
    attempt("files enforced", enforced(&sandbox.files));
    attempt("calls enforced", enforced(&sandbox.calls));
    assert_eq!(
        sandbox.is_active(),
        [sandbox.files, sandbox.calls].iter().any(|layer| matches!(layer, Layer::Enforced(_)))
    );
}
