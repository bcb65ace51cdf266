use std::sync::{Mutex, PoisonError};

type Stop = Box<dyn FnOnce() + Send>;

/// What the next signal does in place of ending the program.
static INSTEAD: Mutex<Option<Stop>> = Mutex::new(None);

/// Has Ctrl-C and the signals that ask a program to end remove every unfinished file first; the exit code is then
/// 130, as shells have it.
pub fn clean_up_when_told_to_stop() {
    // Where no handler can be set, the system's own stays: the program ends as well.
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

/// Has the first of these signals call `stop`, for a command that ends by itself then; the second ends the program.
pub fn when_told_to_stop(stop: impl FnOnce() + Send + 'static) {
    *INSTEAD.lock().unwrap_or_else(PoisonError::into_inner) = Some(Box::new(stop));
}
