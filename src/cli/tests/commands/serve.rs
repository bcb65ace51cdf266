//! `serve` as a user runs it: started, contacted, and stopped with a signal.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::Stdio;

use crate::harness::Folder;

#[cfg(unix)]
#[test]
fn a_folder_is_served_until_the_signal() {
    let folder = Folder::new();
    std::fs::create_dir_all(folder.join("store/k.pdb/AA")).unwrap();
    folder.write("store/k.pdb/AA/k.pdb", "content");
    let mut command = folder.run(["serve", "store", "--listen", "127.0.0.1:0", "-v"]).command();
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut url = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut url).unwrap();
    let address = url.trim().strip_prefix("http://").unwrap();
    let mut stream = TcpStream::connect(address).unwrap();
    let request = "GET /K.PDB/aa/k.pdb HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 OK") && answer.ends_with("\r\n\r\ncontent"), "{answer}");

    let signal = std::process::Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    assert!(signal.success());
    let output = child.wait_with_output().unwrap();
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(0), "{stderr}");
    for part in ["Serving store read-only", "GET /K.PDB/aa/k.pdb 200 7", "Stopped"] {
        assert!(stderr.contains(part), "{part}: {stderr}");
    }
}

#[test]
fn wrong_lines_are_refused() {
    let folder = Folder::new();
    folder.write("file", "");
    for (line, expected) in [
        (&["serve", "nowhere"][..], "cannot serve nowhere"),
        (&["serve", "file", "--listen", "127.0.0.1:0"], "cannot serve file"),
        (&["serve", ".", "--listen", "8080"], "invalid value '8080' for '--listen <ADDR:PORT>'"),
        (&["serve", ".", "--listen", "192.0.2.1:80"], "cannot listen on 192.0.2.1:80"),
        (&["serve", ".", "-f", "x"], "unexpected argument '-f'"),
    ] {
        folder.run(line).status(2).stdout("").stderr(expected).check();
    }
}

/// A connection from an address of the loopback network.
#[cfg(unix)]
fn connect_from(source: [u8; 4], server: std::net::SocketAddr) -> std::io::Result<TcpStream> {
    let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None)?;
    socket.bind(&std::net::SocketAddr::from((source, 0)).into())?;
    socket.set_recv_buffer_size(4096)?;
    socket.connect(&server.into())?;
    socket.set_nonblocking(true)?;
    Ok(socket.into())
}

/// A client that behaves badly, and reconnects whenever it is disconnected.
#[cfg(unix)]
struct Slow {
    source: [u8; 4],
    kind: usize,
    stream: Option<TcpStream>,
}

#[cfg(unix)]
impl Slow {
    /// Continues: sends nothing; sends a head byte by byte; reads nothing of a large file; reads a byte now and then.
    fn step(&mut self, server: std::net::SocketAddr) {
        let Some(stream) = &mut self.stream else {
            self.stream = connect_from(self.source, server).ok();
            if let (Some(stream), 2 | 3) = (&mut self.stream, self.kind) {
                let _ = stream.write_all(b"GET /large HTTP/1.1\r\nHost: x\r\n\r\n");
            }
            return;
        };
        let alive = match self.kind {
            1 => stream.write(b"G").is_ok(),
            3 => {
                let read = stream.read(&mut [0; 1]);
                matches!(read, Ok(1))
                    || read.is_err_and(|error| error.kind() == std::io::ErrorKind::WouldBlock)
            }
            _ => {
                let read = stream.peek(&mut [0; 1]);
                matches!(read, Ok(1))
                    || read.is_err_and(|error| error.kind() == std::io::ErrorKind::WouldBlock)
            }
        };
        if !alive {
            self.stream = None;
        }
    }
}

/// How long requests of a well-behaved client on 127.0.0.1 take, the longest of `count`; for ever if
/// one fails.
#[cfg(unix)]
fn longest_request(server: std::net::SocketAddr, count: usize) -> std::time::Duration {
    let one = || {
        let begun = std::time::Instant::now();
        let mut stream = TcpStream::connect(server).ok()?;
        stream.set_read_timeout(Some(std::time::Duration::from_secs(20))).ok()?;
        stream.write_all(b"GET /small HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").ok()?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).ok()?;
        answer.ends_with("\r\n\r\ncontent").then(|| begun.elapsed())
    };
    (0..count).map(|_| one().unwrap_or(std::time::Duration::MAX)).max().unwrap()
}

/// A server of `served` in its own process, and its address.
#[cfg(unix)]
fn serving(folder: &Folder) -> (std::process::Child, std::net::SocketAddr) {
    let mut command = folder.run(["serve", "served", "--listen", "127.0.0.1:0", "-q"]).command();
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let mut url = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut url).unwrap();
    (child, url.trim().strip_prefix("http://").unwrap().parse().unwrap())
}

/// A busy machine delays every server, so a second server without slow clients is asked in the same seconds. What the slow
/// clients cause lasts as long as they do: one round without a delay is enough.
#[cfg(unix)]
#[test]
fn five_hundred_slow_clients_do_not_delay_a_good_one() {
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::time::Duration;

    const ROUNDS: usize = 5;
    let folder = Folder::new();
    std::fs::create_dir(folder.join("served")).unwrap();
    folder.write("served/small", "content");
    folder.write("served/large", vec![7; 16 << 20]);
    let (mut child, server) = serving(&folder);
    let (mut quiet_child, quiet_server) = serving(&folder);

    let over = AtomicBool::new(false);
    let rounds = std::thread::scope(|scope| {
        // Two threads of attackers, with one connection from each address from 127.0.0.2 on.
        for half in 0..2usize {
            let over = &over;
            scope.spawn(move || {
                let own = (0..500usize).filter(|number| number % 2 == half);
                let mut clients: Vec<Slow> = own
                    .map(|number| {
                        let host = number + 2;
                        let source = [127, 0, (host >> 8) as u8, host as u8];
                        Slow { source, kind: number / 2 % 4, stream: None }
                    })
                    .collect();
                while !over.load(Ordering::Relaxed) {
                    clients.iter_mut().for_each(|client| client.step(server));
                    std::thread::sleep(Duration::from_millis(20));
                }
            });
        }
        std::thread::sleep(Duration::from_secs(1));
        let mut rounds = Vec::new();
        for _ in 0..ROUNDS {
            let round = (longest_request(server, 10), longest_request(quiet_server, 10));
            rounds.push(round);
            if is_on_time(&round) {
                break;
            }
        }
        over.store(true, Ordering::Relaxed);
        rounds
    });
    for child in [&mut child, &mut quiet_child] {
        child.kill().unwrap();
        child.wait().unwrap();
    }
    assert!(rounds.iter().any(is_on_time), "with slow clients, and without: {rounds:?}");
}

/// Whether requests take at most a second longer with slow clients than without.
#[cfg(unix)]
fn is_on_time((crowded, quiet): &(std::time::Duration, std::time::Duration)) -> bool {
    *crowded < quiet.saturating_add(std::time::Duration::from_secs(1))
}
