/// Has Ctrl-C and the signals that ask a program to end remove every unfinished file first; the exit code is then
/// 130, as shells have it.
pub fn clean_up_when_told_to_stop() {
    // Where no handler can be set, the system's own stays: the program ends as well.
    let _ = ctrlc::set_handler(|| {
        profile::abandon_temporaries();
        std::process::exit(130);
    });
}
