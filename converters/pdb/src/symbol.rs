//! Symbol records, one by one (`cvinfo.h`, `SYM_ENUM_e` and the structures after it).
//!
//! Each record is read once; names are borrowed from the stream. The container bounds how many streams are read.

use crate::codeview::*;
use crate::cursor::{Cursor, Malformed};

/// A symbol record, reduced to the fields that are needed here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SymbolRecord<'a> {
    /// A decorated name that the linker published.
    Public {
        function: bool,
        place: Place,
        name: &'a [u8],
    },
    /// A variable with its type; `global` if it is visible outside its module.
    Data {
        global: bool,
        ty: u32,
        place: Place,
        name: &'a [u8],
    },
    Procedure {
        global: bool,
        place: Place,
        name: &'a [u8],
    },
    /// A thread-local variable.
    ThreadLocal {
        name: &'a [u8],
    },
    /// A typedef.
    Typedef {
        ty: u32,
        name: &'a [u8],
    },
    /// The item that describes how a module was built.
    Build {
        item: u32,
    },
    /// The processor a module was compiled for (`CV_CPU_TYPE_e`).
    Compiler {
        processor: u16,
    },
    /// A kind that has no place in a profile: scopes, locals, registers, constants, references, managed code.
    Other,
    /// An unknown kind.
    Unknown,
}

/// An offset in a section; sections are counted from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) section: u16,
    pub(crate) offset: u32,
}

/// Reads a record of this kind from the bytes after the kind.
pub(crate) fn parse(kind: u16, body: &[u8]) -> Result<SymbolRecord<'_>, Malformed> {
    let mut cursor = Cursor::new(body);
    let cursor = &mut cursor;
    Ok(match kind {
        S_PUB32_ST | S_PUB32 => {
            let function = cursor.u32()? & 2 != 0;
            SymbolRecord::Public { function, place: place(cursor)?, name: name(kind, cursor)? }
        }
        S_LDATA32_ST | S_GDATA32_ST | S_LDATA32 | S_GDATA32 => {
            let (global, ty) = (matches!(kind, S_GDATA32_ST | S_GDATA32), cursor.u32()?);
            SymbolRecord::Data { global, ty, place: place(cursor)?, name: name(kind, cursor)? }
        }
        // Parent, end, next, length, prologue and epilogue, type, place, flags.
        S_LPROC32_ST | S_GPROC32_ST | S_LPROC32 | S_GPROC32 | S_LPROC32_ID | S_GPROC32_ID | S_LPROC32_DPC
        | S_LPROC32_DPC_ID => {
            cursor.take(28)?;
            let place = place(cursor)?;
            cursor.u8()?;
            let global = matches!(kind, S_GPROC32_ST | S_GPROC32 | S_GPROC32_ID);
            SymbolRecord::Procedure { global, place, name: name(kind, cursor)? }
        }
        // Laid out as data.
        S_LTHREAD32_ST | S_GTHREAD32_ST | S_LTHREAD32 | S_GTHREAD32 => {
            cursor.take(10)?;
            SymbolRecord::ThreadLocal { name: name(kind, cursor)? }
        }
        S_UDT_ST | S_COBOLUDT_ST | S_UDT | S_COBOLUDT => {
            SymbolRecord::Typedef { ty: cursor.u32()?, name: name(kind, cursor)? }
        }
        S_COMPILE => SymbolRecord::Compiler { processor: cursor.u8()?.into() },
        // Language and flags, processor.
        S_COMPILE2_ST | S_COMPILE2 | S_COMPILE3 => {
            cursor.u32()?;
            SymbolRecord::Compiler { processor: cursor.u16()? }
        }
        S_BUILDINFO => SymbolRecord::Build { item: cursor.u32()? },
        // A newer form of procedures, whose layout is unpublished.
        0x1172..=0x1175 => SymbolRecord::Unknown,
        // Kinds with 16-bit type indexes, kinds with counted names, and current ones.
        0x0002..=0x000e
        | 0x0100..=0x010c
        | 0x0200..=0x020f
        | 0x0300
        | 0x0301
        | 0x0400..=0x0404
        | 0x1001..=0x1029
        | 0x1101..=0x1180 => SymbolRecord::Other,
        _ => SymbolRecord::Unknown,
    })
}

fn place(cursor: &mut Cursor<'_>) -> Result<Place, Malformed> {
    let offset = cursor.u32()?;
    Ok(Place { section: cursor.u16()?, offset })
}

fn name<'a>(kind: u16, cursor: &mut Cursor<'a>) -> Result<&'a [u8], Malformed> {
    if kind < S_ST_MAX { cursor.counted_text() } else { cursor.text() }
}

/// The records of a symbol stream; the iterator ends with an error at a record that does not fit.
pub(crate) struct SymbolRecords<'a> {
    rest: Cursor<'a>,
}

impl<'a> SymbolRecords<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self { rest: Cursor::new(bytes) }
    }
}

impl<'a> Iterator for SymbolRecords<'a> {
    /// A record's kind and the bytes after it.
    type Item = Result<(u16, &'a [u8]), Malformed>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        let mut record = || {
            let length = self.rest.u16()?;
            let mut record = Cursor::new(self.rest.take(length.into())?);
            Ok((record.u16()?, record.rest()))
        };
        let record = record();
        if record.is_err() {
            self.rest = Cursor::new(&[]);
        }
        Some(record)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn publics_have_counted_or_terminated_names() {
        let place = Place { section: 3, offset: 0x10 };
        let fields = [2, 0, 0, 0, 0x10, 0, 0, 0, 3, 0];
        let expected = Ok(SymbolRecord::Public { function: true, place, name: b"ab" });
        assert_eq!(parse(S_PUB32, &[&fields[..], b"ab\0"].concat()), expected);
        assert_eq!(parse(S_PUB32_ST, &[&fields[..], b"\x02ab"].concat()), expected);
        assert_eq!(parse(S_PUB32, &[&fields[..], b"ab"].concat()), Err(Malformed::Short));
    }

    #[test]
    fn a_record_that_does_not_fit_ends_the_stream() {
        let bytes = [4, 0, 6, 0, 0, 0, 9, 0, 6, 0];
        let records: Vec<_> = SymbolRecords::new(&bytes).collect();
        assert_eq!(records, [Ok((6, &[0, 0][..])), Err(Malformed::Short)]);
    }

    #[test]
    fn unknown_kinds_are_reported_as_unknown() {
        assert_eq!(parse(0x113e, &[]), Ok(SymbolRecord::Other));
        assert_eq!(parse(0x1172, &[]), Ok(SymbolRecord::Unknown));
        assert_eq!(parse(0x1181, &[]), Ok(SymbolRecord::Unknown));
    }
}
