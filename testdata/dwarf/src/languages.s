# Debug information as the compilers of Go and Zig write it, whose own files are megabytes: a unit of Go with values that
# are functions, one of Zig with a packed struct, and one of Zig that says it is C, as Zig writes it with LLVM.

    .set DW_LANG_C99, 0x0c
    .set DW_LANG_Go, 0x16
    .set DW_LANG_Zig, 0x27

    .set Signed, 5
    .set Unsigned, 7
    .set Boolean, 2
    .set Float, 4

.macro abbreviation code, tag, children, attributes:vararg
    .uleb128 \code
    .uleb128 \tag
    .byte \children
    .uleb128 \attributes
    .byte 0, 0
.endm

    .section .debug_abbrev, "", @progbits
.Labbreviations:
    abbreviation 1, 0x11, 1, 0x13, 0x05, 0x03, 0x08              # unit: language, name
    abbreviation 2, 0x24, 0, 0x03, 0x08, 0x3e, 0x0b, 0x0b, 0x0b  # base type: name, encoding, bytes
    abbreviation 3, 0x24, 0, 0x03, 0x08, 0x3e, 0x0b, 0x0b, 0x0b, 0x0d, 0x0b # and bits
    abbreviation 4, 0x13, 1, 0x03, 0x08, 0x0b, 0x0b              # struct: name, bytes
    abbreviation 5, 0x13, 1, 0x03, 0x08, 0x49, 0x13              # packed struct: name, type
    abbreviation 6, 0x0d, 0, 0x03, 0x08, 0x49, 0x13, 0x38, 0x0b  # member: name, type, byte
    abbreviation 7, 0x0d, 0, 0x03, 0x08, 0x49, 0x13, 0x6b, 0x0b  # member: name, type, bit
    abbreviation 8, 0x15, 0, 0x03, 0x08, 0x0b, 0x0b              # function type: name, bytes
    abbreviation 9, 0x3b, 0, 0x03, 0x08                          # type without values: name
    abbreviation 10, 0x01, 1, 0x49, 0x13                         # array: type
    abbreviation 11, 0x21, 0, 0x49, 0x13, 0x37, 0x0b             # dimension: type, count
    abbreviation 12, 0x04, 1, 0x03, 0x08, 0x49, 0x13             # enumeration: name, type
    abbreviation 13, 0x28, 0, 0x03, 0x08, 0x1c, 0x0b             # label: name, value
    abbreviation 14, 0x16, 0, 0x03, 0x08, 0x49, 0x13             # typedef: name, type
    abbreviation 15, 0x0f, 0, 0x49, 0x13                         # pointer: type
    .byte 0

.macro unit name, language
    .long .L\name\()_end - .L\name\()_version
.L\name\()_version:
    .short 4
    .long .Labbreviations
    .byte 8
    .uleb128 1
    .short \language
    .asciz "\name"
.endm
.macro end name
    .byte 0
.L\name\()_end:
.endm
.macro base name, encoding, bytes
    .uleb128 2
    .asciz "\name"
    .byte \encoding, \bytes
.endm
.macro bits name, encoding, bytes, bits
    .uleb128 3
    .asciz "\name"
    .byte \encoding, \bytes, \bits
.endm
.macro struct name, bytes
    .uleb128 4
    .asciz "\name"
    .byte \bytes
.endm
.macro member name, unit, type, byte
    .uleb128 6
    .asciz "\name"
    .long \type - .L\unit
    .byte \byte
.endm
.macro bit_member name, unit, type, bit
    .uleb128 7
    .asciz "\name"
    .long \type - .L\unit
    .byte \bit
.endm

    .section .debug_info, "", @progbits
.Lgo:
    unit go, DW_LANG_Go
int: base int, Signed, 8
uint8: base uint8, Unsigned, 1
func:
    .uleb128 8
    .asciz "func(int) string"
    .byte 8
handler:
    .uleb128 14
    .asciz "main.Handler"
    .long func - .Lgo
handlers:
    .uleb128 10
    .long handler - .Lgo
    .uleb128 11
    .long int - .Lgo
    .byte 3
    .byte 0
    struct main.Server, 48
    member Count, go, int, 0
    member Handle, go, handler, 8
    member More, go, handlers, 16
    member Last, go, uint8, 40
    .byte 0
    end go

.Lzig:
    unit zig, DW_LANG_Zig
u1: bits u1, Unsigned, 1, 1
u3: bits u3, Unsigned, 1, 3
i4: bits i4, Signed, 1, 4
u16: bits u16, Unsigned, 2, 16
u32: bits u32, Unsigned, 4, 32
u200: bits u200, Unsigned, 32, 200
bool: bits bool, Boolean, 1, 1
void:
    .uleb128 9
    .asciz "void"
opaque:
    .uleb128 9
    .asciz "anyopaque"
pointer:
    .uleb128 15
    .long opaque - .Lzig
mode:
    .uleb128 12
    .asciz "Mode"
    .long u3 - .Lzig
    .uleb128 13
    .asciz "slow"
    .byte 1
    .uleb128 13
    .asciz "fast"
    .byte 6
    .byte 0
packed:
    .uleb128 5
    .asciz "Packed"
    .long u32 - .Lzig
    bit_member ready, zig, bool, 0
    bit_member mode, zig, mode, 1
    bit_member level, zig, i4, 4
    bit_member rest, zig, u16, 16
    .byte 0
    struct Holder, 56
    member flags, zig, packed, 0
    member nothing, zig, void, 4
    member next, zig, pointer, 8
    member wide, zig, u200, 16
    member small, zig, u1, 48
    .byte 0
    end zig

.Lllvm:
    unit llvm, DW_LANG_C99
b8: base u8, Unsigned, 1
b64: base i64, Signed, 8
c_ulong: base c_ulong, Unsigned, 8
f16: base f16, Float, 2
f80: base f80, Float, 10
    struct llvm.All, 40
    member byte, llvm, b8, 0
    member half, llvm, f16, 2
    member long, llvm, b64, 8
    member c, llvm, c_ulong, 16
    member extended, llvm, f80, 24
    .byte 0
    end llvm
