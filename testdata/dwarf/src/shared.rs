//! A Rust unit that shares names with C: bindings repeat `task_struct` with a layout of their own.
#![no_std]
#![crate_type = "staticlib"]
#![allow(non_camel_case_types, dead_code)]

/// As bindings would have it, and wrong.
#[repr(C)]
pub struct task_struct {
    pub state: u8,
    pub opaque: [u8; 3],
}

/// A name of Rust's own.
pub struct RustOnly {
    first: u64,
    second: Option<u32>,
}

#[unsafe(no_mangle)]
pub static RUST_TASK: task_struct = task_struct { state: 1, opaque: [0; 3] };

#[unsafe(no_mangle)]
pub extern "C" fn rust_entry(n: u64) -> u64 {
    let value = RustOnly { first: n, second: Some(n as u32) };
    core::hint::black_box(&value);
    value.first
}

#[panic_handler]
fn panic(_: &core::panic::PanicInfo) -> ! {
    loop {}
}
