# shellcheck shell=bash
# Read by the scripts that compile for other systems or an older C library: puts cargo-zigbuild and Zig on the PATH, from pip if
# they are not there, and says what C code is compiled with.

# use_zig FOLDER: FOLDER is for an environment of Python's.
use_zig() {
  # cargo-zigbuild asks the Python that comes first on the PATH for Zig.
  if ! command -v cargo-zigbuild >/dev/null || ! { command -v zig || python3 -c 'import ziglang'; } >/dev/null 2>&1; then
    [ -x "$1/bin/python" ] || python3 -m venv "$1"
    "$1/bin/pip" install -q cargo-zigbuild==0.24.0 ziglang==0.15.2
    PATH=$1/bin:$PATH
  fi
}

# The C compiler of Zig does not inline across these sets of instructions, for which libdeflate would have checksums.
# shellcheck disable=SC2034 # The scripts that read this file use it.
ZIG_CFLAGS='-DLIBDEFLATE_ASSEMBLER_DOES_NOT_SUPPORT_AVX512VNNI -DLIBDEFLATE_ASSEMBLER_DOES_NOT_SUPPORT_VPCLMULQDQ'
