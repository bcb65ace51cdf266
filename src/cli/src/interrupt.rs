use std::sync::{Mutex, PoisonError};

type Stop = Box<dyn FnOnce() + Send>;

/// The reaction to the next signal, instead of ending the program.
static INSTEAD: Mutex<Option<Stop>> = Mutex::new(None);

/// On Ctrl-C, and on other signals that ask a program to end, removes every unfinished file first; the exit code is
/// then 130, as in shells.
pub fn clean_up_when_told_to_stop() {
    // If no handler can be installed, the system's default stays, which ends the program as well.
    let _ = ctrlc::set_handler(|| {
        let instead = INSTEAD.lock().unwrap_or_else(PoisonError::into_inner).take();
        match instead {
            Some(stop) => stop(),
            None => {
                profile::abandon_temporaries();
                crate::sandbox::clean_up();
                std::process::exit(130);
            }
        }
    });
}

/// On the first of these signals calls `stop`, for a command that then ends by itself; the second one ends the
/// program.
pub fn when_told_to_stop(stop: impl FnOnce() + Send + 'static) {
    *INSTEAD.lock().unwrap_or_else(PoisonError::into_inner) = Some(Box::new(stop));
}
