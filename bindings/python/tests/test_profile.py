"""Lookups, against what is written in a profile."""

import gzip
import json
import shutil
import subprocess
import sys

import pytest

import rekall_profile
from rekall_profile import Error, NotFound, Profile

TEXT = json.dumps(
    {
        "$METADATA": {"Type": "Profile", "ProfileClass": "Linux", "arch": "AMD64"},
        "$STRUCTS": {
            "inner": [16, {"a": [0, ["int"]], "b": [8, ["Array", {"count": 2, "target": "int"}]]}],
            "__unnamed_1": [8, {"deep": [4, ["int"]]}],
            "outer": [
                64,
                {
                    "first": [0, ["inner"]],
                    "u1": [16, ["__unnamed_1"]],
                    "flag": [24, ["BitField", {"start_bit": 3, "end_bit": 5, "target": "unsigned int"}]],
                    "next": [32, ["Pointer", {"target": "outer"}]],
                },
            ],
        },
        "$ENUMS": {"colour": {"1": "RED", "18446744073709551615": "ALL"}},
        "$CONSTANTS": {"low": 4096, "high": 2**64 - 4096},
    }
).encode()


@pytest.fixture
def profile():
    return Profile.from_text(TEXT)


def test_members(profile):
    outer = profile.struct("outer")
    assert (outer.name, outer.size, len(outer)) == ("outer", 64, 4)
    assert [member.name for member in outer] == ["first", "u1", "flag", "next"]
    for path, offset, size, kind, bits in [
        ("first", 0, 16, "inner", None),
        ("first.b", 8, 8, "int [2]", None),
        ("deep", 20, 4, "int", None),
        ("flag", 24, 4, "unsigned int", (3, 5)),
        ("next", 32, 8, "outer *", None),
    ]:
        for member in (outer.member(path), profile.member("outer." + path)):
            assert (member.offset, member.size, member.type, member.bits) == (offset, size, kind, bits)
    assert "first.b" in outer and "nothing" not in outer


def test_what_is_not_there_raises_with_similar_names(profile):
    with pytest.raises(NotFound, match="no struct Outer; there is outer"):
        profile.struct("Outer")
    with pytest.raises(NotFound, match="no member outer.Flag; there is outer.flag"):
        profile.struct("outer").member("Flag")
    assert issubclass(NotFound, Error)
    assert profile.similar("OUTER") == ["outer"]


def test_enumerations_and_symbols(profile):
    assert profile.enum("colour").labels == {"RED": 1, "ALL": 2**64 - 1}
    assert profile.symbol("high").address == 2**64 - 4096
    assert [symbol.name for symbol in profile.symbols_at(5000)] == ["low"]
    assert {symbol.name for symbol in profile.symbols()} == {"low", "high"}
    assert profile.counts()["$STRUCTS"] == 3


def test_metadata_and_health(profile, pdb):
    assert (profile.system, profile.arch, profile.guid_age) == ("Linux", "AMD64", None)
    assert profile.metadata["ProfileClass"] == "Linux"
    made = rekall_profile.convert(pdb, windows_version="6.1")
    health = made.profile.health()
    assert (health.verdict, health.kernel, health.reasons) == (made.health.verdict, True, [])
    assert made.identity == f"{made.profile.metadata['PDBFile']}/{made.profile.guid_age}"


def test_what_is_written_is_what_json_reads(profile, pdb, tmp_path):
    made = rekall_profile.convert(pdb)
    made.save(tmp_path / "nt.json.gz")
    made.save(tmp_path / "nt.json")
    with gzip.open(tmp_path / "nt.json.gz") as packed:
        text = packed.read()
    assert text == made.text == (tmp_path / "nt.json").read_bytes()
    read = json.loads(text)
    opened = Profile.open(tmp_path / "nt.json.gz")
    for name, (size, members) in read["$STRUCTS"].items():
        found = opened.struct(name)
        assert found.size == size
        assert {member.name: member.offset for member in found} == {key: value[0] for key, value in members.items()}
    for name, address in read["$CONSTANTS"].items():
        assert opened.symbol(name).address == address


def test_bytes_and_a_file_give_the_same_profile(pdb):
    of_bytes = rekall_profile.convert(pdb.read_bytes(), name=pdb.name)
    assert of_bytes.text == rekall_profile.convert(pdb).text


def test_errors_say_what_was_found(tmp_path):
    (tmp_path / "note.txt").write_text("not a profile\n")
    with pytest.raises(Error, match="note.txt.*expected a profile"):
        Profile.open(tmp_path / "note.txt")
    with pytest.raises(Error, match="expected a PDB"):
        rekall_profile.convert(tmp_path / "note.txt")
    with pytest.raises(Error, match="absent"):
        Profile.open(tmp_path / "absent")


def test_a_diff_lists_what_moved(profile):
    new = Profile.from_text(TEXT.replace(b'"flag": [24', b'"flag": [28'))
    assert [change.name for change in rekall_profile.diff(profile, new)] == ["outer.flag"]
    assert rekall_profile.diff(profile, profile) == []


def test_the_stubs_name_what_the_module_has():
    import ast
    import pathlib

    stub = pathlib.Path(rekall_profile.__file__).with_name("_native.pyi")
    for node in ast.parse(stub.read_text()).body:
        if isinstance(node, ast.ClassDef):
            real = getattr(rekall_profile, node.name)
            named = {item.name for item in node.body if isinstance(item, ast.FunctionDef)}
            assert named <= set(dir(real)), node.name
            public = {name for name in vars(real) if not name.startswith("_")}
            assert public <= named, node.name
        elif isinstance(node, ast.FunctionDef):
            assert node.name in rekall_profile.__all__
    assert stub.with_name("py.typed").exists()


def test_the_program_is_installed(pdb, tmp_path):
    program = shutil.which("rekall-profile", path=str(__import__("pathlib").Path(sys.executable).parent))
    assert program, "the wheel was built without the program"
    shown = subprocess.run([program, "--version"], capture_output=True, text=True, check=True)
    assert shown.stdout.startswith(f"rekall-profile {rekall_profile.__version__}\n")
    output = tmp_path / "nt.json.gz"
    subprocess.run([program, "parse_pdb", pdb, "--output", output], check=True)
    assert Profile.open(output).text.encode() == rekall_profile.convert(pdb).text
