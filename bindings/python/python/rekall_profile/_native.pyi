import os
from collections.abc import Iterator, Sequence
from typing import Any, Optional, Union

__version__: str

class Error(Exception):
    """A file, a repository or an image that cannot be used: the text says where, what was expected and what was found."""

class NotFound(Error, LookupError):
    """A name that a profile or a repository does not have; the text lists similar ones."""

class Member:
    """A member of a struct."""

    @property
    def name(self) -> str: ...
    @property
    def offset(self) -> int:
        """In bytes from the beginning of the struct; for a bit-field, the offset of its storage unit."""
    @property
    def type(self) -> str:
        """As C would write it: `list_head *`, `char [16]`."""
    @property
    def size(self) -> Optional[int]:
        """In bytes; None if the profile does not say."""
    @property
    def bits(self) -> Optional[tuple[int, int]]:
        """For a bit-field, its first bit and the bit behind its last, in its storage unit."""

class Struct:
    """A struct, union or class."""

    @property
    def name(self) -> str: ...
    @property
    def size(self) -> int:
        """In bytes."""
    @property
    def members(self) -> list[Member]:
        """By offset. Members without a name are called `u1`, `u2` and so on."""
    def member(self, path: str) -> Member:
        """The member of this name, or at a path through structs held by value (`Pcb.DirectoryTableBase`)."""
    def __iter__(self) -> Iterator[Member]: ...
    def __len__(self) -> int: ...
    def __contains__(self, path: str) -> bool: ...

class Enumeration:
    """An enumeration."""

    @property
    def name(self) -> str: ...
    @property
    def labels(self) -> dict[str, int]:
        """The value of each label, by value."""

class Symbol:
    """A symbol."""

    @property
    def name(self) -> str: ...
    @property
    def address(self) -> int:
        """The RVA (Windows), or the address as linked."""
    @property
    def function(self) -> bool:
        """Whether it is among the functions, which only profiles of Windows keep apart."""

class Health:
    """What a profile is worth to its readers."""

    @property
    def verdict(self) -> str:
        """`complete`, `symbols only` or `failed`."""
    @property
    def reasons(self) -> list[str]: ...
    @property
    def kernel(self) -> bool: ...
    @property
    def missing(self) -> list[str]:
        """What readers look up and would not find."""
    @property
    def structs(self) -> int: ...
    @property
    def enumerations(self) -> int: ...
    @property
    def symbols(self) -> int: ...

class Profile:
    """A profile. Opening one unpacks its text; only what is asked for is read."""

    @staticmethod
    def open(
        name: Union[str, os.PathLike[str]], repositories: Optional[Sequence[str]] = None
    ) -> Profile:
        """Opens a file (Rekall's form, or a table of Volatility 3; text, gzip, xz or zstd). With `repositories`, their
        folders, addresses or buckets, `name` is the name of a profile in them (`nt/GUID/...`)."""
    @staticmethod
    def from_text(text: bytes) -> Profile: ...
    @property
    def metadata(self) -> dict[str, Any]: ...
    @property
    def system(self) -> str:
        """`Linux`, `Windows`, `macOS` or `other`."""
    @property
    def arch(self) -> str: ...
    @property
    def guid_age(self) -> Optional[str]: ...
    @property
    def text(self) -> str: ...
    def counts(self) -> dict[str, int]:
        """The number of entries in each section."""
    def health(self) -> Health:
        """Judges the profile. Reads all of it."""
    def struct(self, name: str) -> Struct: ...
    def member(self, path: str) -> Member:
        """The member at `STRUCT.MEMBER` or `STRUCT.MEMBER.MEMBER`; the offset counts from the first struct."""
    def enum(self, name: str) -> Enumeration: ...
    def symbol(self, name: str) -> Symbol: ...
    def symbols_at(self, address: int) -> list[Symbol]:
        """The symbols at the highest address that is not above `address`."""
    def symbols(self) -> Iterator[Symbol]:
        """Every symbol, data before code."""
    def similar(self, name: str, limit: int = 5) -> list[str]: ...

class Conversion:
    """What a source gave."""

    @property
    def profile(self) -> Profile: ...
    @property
    def text(self) -> bytes:
        """The canonical text: the same bytes for the same source."""
    @property
    def health(self) -> Health: ...
    @property
    def losses(self) -> dict[str, int]:
        """What could not be carried over, by kind."""
    @property
    def warnings(self) -> list[str]: ...
    @property
    def identity(self) -> Optional[str]:
        """The build that the source is of."""
    def save(self, path: Union[str, os.PathLike[str]]) -> None:
        """Writes the profile, packed if the name ends in `.gz`. The file appears whole or not at all."""

def convert(
    source: Union[str, os.PathLike[str], bytes],
    *,
    name: str = "",
    profile_class: Optional[str] = None,
    windows_version: Optional[str] = None,
    concise: bool = False,
    raw_names: bool = False,
) -> Conversion:
    """Makes a profile of a file, a folder, or the bytes of a file (`name` is then its name). The content says what it is: a
    PDB, an ELF or Mach-O file with DWARF, a package, BTF, a Volatility 2 pack."""

class Difference:
    """One way in which two profiles differ."""

    @property
    def name(self) -> str: ...
    @property
    def old(self) -> Optional[str]: ...
    @property
    def new(self) -> Optional[str]: ...

def diff(old: Profile, new: Profile) -> list[Difference]:
    """What changed from one profile to another, by name."""

class PdbRecord:
    """A record in memory that names a PDB (RSDS)."""

    @property
    def offset(self) -> int:
        """The physical address."""
    @property
    def guid_age(self) -> str: ...
    @property
    def name(self) -> str: ...
    @property
    def path(self) -> str: ...

class Check:
    """One check of a validation."""

    @property
    def name(self) -> str: ...
    @property
    def result(self) -> str: ...
    @property
    def expected(self) -> str: ...
    @property
    def actual(self) -> str: ...

class Validation:
    """What came of laying a profile over an image."""

    @property
    def verdict(self) -> str:
        """`match`, `mismatch` or `inconclusive`."""
    @property
    def reason(self) -> str: ...
    @property
    def suspects(self) -> list[str]: ...
    @property
    def checks(self) -> list[Check]: ...
    def __iter__(self) -> Iterator[Check]: ...

class Process:
    """A process in an image."""

    @property
    def pid(self) -> int: ...
    @property
    def name(self) -> str: ...
    @property
    def address(self) -> int: ...
    @property
    def parent(self) -> Optional[int]: ...
    @property
    def threads(self) -> Optional[int]: ...
    @property
    def user(self) -> Optional[int]: ...
    @property
    def state(self) -> Optional[str]: ...
    @property
    def dtb(self) -> Optional[int]: ...
    @property
    def started(self) -> Optional[int]:
        """In nanoseconds since 1970, UTC."""

class Module:
    """A module of a kernel in an image."""

    @property
    def name(self) -> str: ...
    @property
    def address(self) -> int: ...
    @property
    def base(self) -> int: ...
    @property
    def size(self) -> int: ...
    @property
    def path(self) -> Optional[str]: ...

class Image:
    """A memory image in any common container. Nothing is written to it."""

    @staticmethod
    def open(path: Union[str, os.PathLike[str]]) -> Image: ...
    @property
    def container(self) -> str: ...
    @property
    def size(self) -> int:
        """Of the memory, in bytes."""
    def scan(self) -> Iterator[PdbRecord]:
        """Every record in physical memory that names a PDB, each GUID and age once."""
    def validate(self, profile: Profile) -> Validation:
        """Proves the profile on the image."""
    def pslist(self, profile: Profile) -> Iterator[Process]:
        """The processes in the order of the kernel's list. If the list is broken, the iterator raises Error after the
        processes that could be read."""
    def modules(self, profile: Profile) -> Iterator[Module]:
        """The modules of the kernel, likewise."""

class Repository:
    """Repositories of profiles, in the order in which they are asked."""

    def __init__(self, *places: str) -> None: ...
    def names(self, folder: str = "") -> list[str]: ...
    def open(self, name: str) -> Profile: ...
    def detect(self, image: Image) -> Optional[str]:
        """The name of the profile that was proved on the image, if there is one."""
