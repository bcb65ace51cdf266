"""Profiles for memory forensics: the structs of one operating system build, and where its symbols are.

    >>> import rekall_profile
    >>> profile = rekall_profile.Profile.open("nt.json.gz")       # doctest: +SKIP
    >>> profile.struct("_EPROCESS").member("ImageFileName").offset  # doctest: +SKIP
    1448

Start at `Profile.open` to look into a profile, at `convert` to make one of a PDB, DWARF, BTF or a Volatility pack, and at
`Image.open` for a memory image.
"""

from ._native import (
    Check,
    Conversion,
    Difference,
    Enumeration,
    Error,
    Health,
    Image,
    Member,
    Module,
    NotFound,
    PdbRecord,
    Process,
    Profile,
    Repository,
    Struct,
    Symbol,
    Validation,
    __version__,
    convert,
    diff,
)

__all__ = [
    "Check",
    "Conversion",
    "Difference",
    "Enumeration",
    "Error",
    "Health",
    "Image",
    "Member",
    "Module",
    "NotFound",
    "PdbRecord",
    "Process",
    "Profile",
    "Repository",
    "Struct",
    "Symbol",
    "Validation",
    "__version__",
    "convert",
    "diff",
]
