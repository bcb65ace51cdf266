//! Serves a folder on the loopback interface until it is stopped; prints the address first.

use std::io::Write;
use std::path::Path;
use std::process::ExitCode;

use symbol_server::Server;

fn main() -> ExitCode {
    let mut arguments = std::env::args_os().skip(1);
    let (Some(folder), None) = (arguments.next(), arguments.next()) else {
        eprintln!("usage: symbol-server FOLDER");
        return ExitCode::from(2);
    };
    let server = match Server::of_folder(Path::new(&folder)) {
        Ok(server) => server,
        Err(error) => {
            eprintln!("symbol-server: {error}");
            return ExitCode::from(2);
        }
    };
    println!("{}", server.url());
    if std::io::stdout().flush().is_err() {
        return ExitCode::from(2);
    }
    loop {
        std::thread::park();
    }
}
