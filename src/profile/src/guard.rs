use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};

thread_local! {
    static DEPTH: Cell<u32> = const { Cell::new(0) };
}

/// Calls into a library that may panic on malformed input; returns `None` if it did.
///
/// For libraries whose panics are known and cost one record, not for our own code. The panic's message is still
/// printed unless the program's panic hook checks [`is_guarded`] first, as that of the command line does. `call` must
/// only parse: it must not leave data behind that a panic makes inconsistent.
pub fn guarded<T>(call: impl FnOnce() -> T) -> Option<T> {
    DEPTH.set(DEPTH.get() + 1);
    let result = catch_unwind(AssertUnwindSafe(call));
    DEPTH.set(DEPTH.get() - 1);
    result.ok()
}

/// Whether this thread runs inside [`guarded`].
pub fn is_guarded() -> bool {
    DEPTH.get() > 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_costs_the_call_alone() {
        assert_eq!(
            guarded(|| if is_guarded() {
                panic!("one record")
            }),
            None::<()>
        );
        assert!(!is_guarded());
        assert_eq!(guarded(|| 1), Some(1));
    }
}
