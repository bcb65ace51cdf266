//! `serve` as a user runs it: started, asked, and stopped with a signal.

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
    for part in ["Serving store to read only", "GET /K.PDB/aa/k.pdb 200 7", "Stopped"] {
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
        (&["serve", ".", "--listen", "8080"], "cannot listen on 8080"),
        (&["serve", ".", "--listen", "192.0.2.1:80"], "cannot listen on 192.0.2.1:80"),
        (&["serve", ".", "-f", "x"], "this command takes no image"),
    ] {
        folder.run(line).status(2).stdout("").stderr(expected).check();
    }
}
