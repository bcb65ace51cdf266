//! The numbers of CodeView: kinds of type records and of field list entries (`LF_*`), kinds of symbol records (`S_*`),
//! types without a record (`T_*`), and processors (`CV_CFL_*`).
//!
//! Names and values are those of `cvinfo.h` in Microsoft's published PDB sources. A name that ends in `_ST` is the
//! older form of a record, whose names are counted instead of zero-terminated. Only kinds that this crate
//! distinguishes are listed.

// Type records.
pub(crate) const LF_VTSHAPE: u16 = 0x000a;
pub(crate) const LF_LABEL: u16 = 0x000e;
pub(crate) const LF_NULL: u16 = 0x000f;
pub(crate) const LF_NOTTRAN: u16 = 0x0010;
pub(crate) const LF_ENDPRECOMP: u16 = 0x0014;
pub(crate) const LF_TYPESERVER_ST: u16 = 0x0016;
pub(crate) const LF_REFSYM: u16 = 0x020c;
pub(crate) const LF_MODIFIER: u16 = 0x1001;
pub(crate) const LF_POINTER: u16 = 0x1002;
pub(crate) const LF_ARRAY_ST: u16 = 0x1003;
pub(crate) const LF_CLASS_ST: u16 = 0x1004;
pub(crate) const LF_STRUCTURE_ST: u16 = 0x1005;
pub(crate) const LF_UNION_ST: u16 = 0x1006;
pub(crate) const LF_ENUM_ST: u16 = 0x1007;
pub(crate) const LF_PROCEDURE: u16 = 0x1008;
pub(crate) const LF_MFUNCTION: u16 = 0x1009;
pub(crate) const LF_VFTPATH: u16 = 0x100d;
pub(crate) const LF_PRECOMP_ST: u16 = 0x100e;
pub(crate) const LF_ALIAS_ST: u16 = 0x1010;
pub(crate) const LF_SKIP: u16 = 0x1200;
pub(crate) const LF_ARGLIST: u16 = 0x1201;
pub(crate) const LF_FIELDLIST: u16 = 0x1203;
pub(crate) const LF_DERIVED: u16 = 0x1204;
pub(crate) const LF_BITFIELD: u16 = 0x1205;
pub(crate) const LF_METHODLIST: u16 = 0x1206;
/// Type records and entries of field lists below this kind have counted names.
pub(crate) const LF_ST_MAX: u16 = 0x1500;
pub(crate) const LF_TYPESERVER: u16 = 0x1501;
pub(crate) const LF_ARRAY: u16 = 0x1503;
pub(crate) const LF_CLASS: u16 = 0x1504;
pub(crate) const LF_STRUCTURE: u16 = 0x1505;
pub(crate) const LF_UNION: u16 = 0x1506;
pub(crate) const LF_ENUM: u16 = 0x1507;
pub(crate) const LF_PRECOMP: u16 = 0x1509;
pub(crate) const LF_ALIAS: u16 = 0x150a;
pub(crate) const LF_TYPESERVER2: u16 = 0x1515;
pub(crate) const LF_STRIDED_ARRAY: u16 = 0x1516;
pub(crate) const LF_MODIFIER_EX: u16 = 0x1518;
pub(crate) const LF_INTERFACE: u16 = 0x1519;
pub(crate) const LF_VECTOR: u16 = 0x151b;
pub(crate) const LF_VFTABLE: u16 = 0x151d;
// The forms with 32 bits of properties, which are known only from files.
pub(crate) const LF_CLASS2: u16 = 0x1608;
pub(crate) const LF_STRUCTURE2: u16 = 0x1609;
pub(crate) const LF_UNION2: u16 = 0x160a;
pub(crate) const LF_INTERFACE2: u16 = 0x160b;

// Item records. Older linkers put them among the types.
pub(crate) const LF_FUNC_ID: u16 = 0x1601;
pub(crate) const LF_MFUNC_ID: u16 = 0x1602;
pub(crate) const LF_BUILDINFO: u16 = 0x1603;
pub(crate) const LF_SUBSTR_LIST: u16 = 0x1604;
pub(crate) const LF_STRING_ID: u16 = 0x1605;
pub(crate) const LF_UDT_SRC_LINE: u16 = 0x1606;
pub(crate) const LF_UDT_MOD_SRC_LINE: u16 = 0x1607;

// Entries of field lists.
pub(crate) const LF_ENUMERATE_ST: u16 = 0x0403;
pub(crate) const LF_BCLASS: u16 = 0x1400;
pub(crate) const LF_VBCLASS: u16 = 0x1401;
pub(crate) const LF_IVBCLASS: u16 = 0x1402;
pub(crate) const LF_FRIENDFCN_ST: u16 = 0x1403;
pub(crate) const LF_INDEX: u16 = 0x1404;
pub(crate) const LF_MEMBER_ST: u16 = 0x1405;
pub(crate) const LF_STMEMBER_ST: u16 = 0x1406;
pub(crate) const LF_METHOD_ST: u16 = 0x1407;
pub(crate) const LF_NESTTYPE_ST: u16 = 0x1408;
pub(crate) const LF_VFUNCTAB: u16 = 0x1409;
pub(crate) const LF_FRIENDCLS: u16 = 0x140a;
pub(crate) const LF_ONEMETHOD_ST: u16 = 0x140b;
pub(crate) const LF_VFUNCOFF: u16 = 0x140c;
pub(crate) const LF_NESTTYPEEX_ST: u16 = 0x140d;
pub(crate) const LF_MEMBERMODIFY_ST: u16 = 0x140e;
pub(crate) const LF_ENUMERATE: u16 = 0x1502;
pub(crate) const LF_FRIENDFCN: u16 = 0x150c;
pub(crate) const LF_MEMBER: u16 = 0x150d;
pub(crate) const LF_STMEMBER: u16 = 0x150e;
pub(crate) const LF_METHOD: u16 = 0x150f;
pub(crate) const LF_NESTTYPE: u16 = 0x1510;
pub(crate) const LF_ONEMETHOD: u16 = 0x1511;
pub(crate) const LF_NESTTYPEEX: u16 = 0x1512;
pub(crate) const LF_MEMBERMODIFY: u16 = 0x1513;
pub(crate) const LF_BINTERFACE: u16 = 0x151a;
/// Bytes from here on pad a field list; the low half is the number of bytes to skip.
pub(crate) const LF_PAD0: u8 = 0xf0;

// Numeric leaves: numbers below `LF_NUMERIC` are themselves, others follow one of these.
pub(crate) const LF_NUMERIC: u16 = 0x8000;
pub(crate) const LF_CHAR: u16 = 0x8000;
pub(crate) const LF_SHORT: u16 = 0x8001;
pub(crate) const LF_USHORT: u16 = 0x8002;
pub(crate) const LF_LONG: u16 = 0x8003;
pub(crate) const LF_ULONG: u16 = 0x8004;
pub(crate) const LF_QUADWORD: u16 = 0x8009;
pub(crate) const LF_UQUADWORD: u16 = 0x800a;
pub(crate) const LF_OCTWORD: u16 = 0x8017;
pub(crate) const LF_UOCTWORD: u16 = 0x8018;

// Symbol records.
pub(crate) const S_COMPILE: u16 = 0x0001;
pub(crate) const S_UDT_ST: u16 = 0x1003;
pub(crate) const S_COBOLUDT_ST: u16 = 0x1004;
pub(crate) const S_LDATA32_ST: u16 = 0x1007;
pub(crate) const S_GDATA32_ST: u16 = 0x1008;
pub(crate) const S_PUB32_ST: u16 = 0x1009;
pub(crate) const S_LPROC32_ST: u16 = 0x100a;
pub(crate) const S_GPROC32_ST: u16 = 0x100b;
pub(crate) const S_LTHREAD32_ST: u16 = 0x100e;
pub(crate) const S_GTHREAD32_ST: u16 = 0x100f;
pub(crate) const S_COMPILE2_ST: u16 = 0x1013;
/// Symbol records below this kind have counted names.
pub(crate) const S_ST_MAX: u16 = 0x1100;
pub(crate) const S_UDT: u16 = 0x1108;
pub(crate) const S_COBOLUDT: u16 = 0x1109;
pub(crate) const S_LDATA32: u16 = 0x110c;
pub(crate) const S_GDATA32: u16 = 0x110d;
pub(crate) const S_PUB32: u16 = 0x110e;
pub(crate) const S_LPROC32: u16 = 0x110f;
pub(crate) const S_GPROC32: u16 = 0x1110;
pub(crate) const S_LTHREAD32: u16 = 0x1112;
pub(crate) const S_GTHREAD32: u16 = 0x1113;
pub(crate) const S_COMPILE2: u16 = 0x1116;
pub(crate) const S_COMPILE3: u16 = 0x113c;
pub(crate) const S_LPROC32_ID: u16 = 0x1146;
pub(crate) const S_GPROC32_ID: u16 = 0x1147;
pub(crate) const S_BUILDINFO: u16 = 0x114c;
pub(crate) const S_LPROC32_DPC: u16 = 0x1155;
pub(crate) const S_LPROC32_DPC_ID: u16 = 0x1156;

// Types without a record: the low byte of their number.
pub(crate) const T_NOTYPE: u32 = 0x00;
pub(crate) const T_SEGMENT: u32 = 0x02;
pub(crate) const T_VOID: u32 = 0x03;
pub(crate) const T_CURRENCY: u32 = 0x04;
pub(crate) const T_HRESULT: u32 = 0x08;
pub(crate) const T_CHAR: u32 = 0x10;
pub(crate) const T_SHORT: u32 = 0x11;
pub(crate) const T_LONG: u32 = 0x12;
pub(crate) const T_QUAD: u32 = 0x13;
pub(crate) const T_OCT: u32 = 0x14;
pub(crate) const T_UCHAR: u32 = 0x20;
pub(crate) const T_USHORT: u32 = 0x21;
pub(crate) const T_ULONG: u32 = 0x22;
pub(crate) const T_UQUAD: u32 = 0x23;
pub(crate) const T_UOCT: u32 = 0x24;
pub(crate) const T_BOOL08: u32 = 0x30;
pub(crate) const T_BOOL16: u32 = 0x31;
pub(crate) const T_BOOL32: u32 = 0x32;
pub(crate) const T_BOOL64: u32 = 0x33;
pub(crate) const T_BOOL128: u32 = 0x34;
pub(crate) const T_REAL32: u32 = 0x40;
pub(crate) const T_REAL64: u32 = 0x41;
pub(crate) const T_REAL80: u32 = 0x42;
pub(crate) const T_REAL128: u32 = 0x43;
pub(crate) const T_REAL48: u32 = 0x44;
pub(crate) const T_REAL32PP: u32 = 0x45;
pub(crate) const T_REAL16: u32 = 0x46;
pub(crate) const T_CPLX32: u32 = 0x50;
pub(crate) const T_CPLX64: u32 = 0x51;
pub(crate) const T_CPLX80: u32 = 0x52;
pub(crate) const T_CPLX128: u32 = 0x53;
pub(crate) const T_CPLX48: u32 = 0x54;
pub(crate) const T_CPLX32PP: u32 = 0x55;
pub(crate) const T_CPLX16: u32 = 0x56;
pub(crate) const T_INT1: u32 = 0x68;
pub(crate) const T_UINT1: u32 = 0x69;
pub(crate) const T_RCHAR: u32 = 0x70;
pub(crate) const T_WCHAR: u32 = 0x71;
pub(crate) const T_INT2: u32 = 0x72;
pub(crate) const T_UINT2: u32 = 0x73;
pub(crate) const T_INT4: u32 = 0x74;
pub(crate) const T_UINT4: u32 = 0x75;
pub(crate) const T_INT8: u32 = 0x76;
pub(crate) const T_UINT8: u32 = 0x77;
pub(crate) const T_INT16: u32 = 0x78;
pub(crate) const T_UINT16: u32 = 0x79;
pub(crate) const T_CHAR16: u32 = 0x7a;
pub(crate) const T_CHAR32: u32 = 0x7b;
pub(crate) const T_CHAR8: u32 = 0x7c;
/// A near pointer to void, which also is the type of `nullptr`.
pub(crate) const T_PVOID: u32 = 0x103;

/// The lowest index of a type with a record.
pub(crate) const CV_FIRST_NONPRIM: u32 = 0x1000;

// Processors: the first and last number of each family that Windows ran on.
pub(crate) const CV_CFL_8080: u16 = 0x00;
pub(crate) const CV_CFL_PENTIUMIII: u16 = 0x07;
pub(crate) const CV_CFL_MIPS: u16 = 0x10;
pub(crate) const CV_CFL_MIPS32: u16 = 0x12;
pub(crate) const CV_CFL_MIPS64: u16 = 0x13;
pub(crate) const CV_CFL_MIPSI: u16 = 0x14;
pub(crate) const CV_CFL_MIPSV: u16 = 0x18;
pub(crate) const CV_CFL_PPC601: u16 = 0x40;
pub(crate) const CV_CFL_PPCBE: u16 = 0x45;
pub(crate) const CV_CFL_ARM3: u16 = 0x60;
pub(crate) const CV_CFL_ARM7: u16 = 0x68;
/// ARM64 in the numbering of the first compilers for it.
pub(crate) const CV_CFL_ARM64_FIRST: u16 = 0x69;
pub(crate) const CV_CFL_X64: u16 = 0xd0;
pub(crate) const CV_CFL_THUMB: u16 = 0xf0;
pub(crate) const CV_CFL_ARMNT: u16 = 0xf4;
pub(crate) const CV_CFL_ARM64: u16 = 0xf6;
