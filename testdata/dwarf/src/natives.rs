//! Every base type of Rust.
#![no_std]
#![crate_type = "lib"]
#![allow(dead_code)]

#[repr(C)]
pub struct Natives {
    tiny: i8,
    byte: u8,
    short: i16,
    word: u16,
    int: i32,
    dword: u32,
    long: i64,
    qword: u64,
    wide: i128,
    oword: u128,
    offset: isize,
    size: usize,
    single: f32,
    double: f64,
    truth: bool,
    letter: char,
    nothing: (),
}

#[unsafe(no_mangle)]
pub static NATIVES: Natives = Natives {
    tiny: 0, byte: 0, short: 0, word: 0, int: 0, dword: 0, long: 0, qword: 0, wide: 0, oword: 0, offset: 0,
    size: 0, single: 0.0, double: 0.0, truth: false, letter: 'x', nothing: (),
};
