"""Memory images that the project makes itself."""

import pytest

import process_list
import rekall_profile
from rekall_profile import Error, Image, Profile, Repository


def test_an_image_lists_its_processes(kernel):
    image = Image.open(kernel / "memory.elf")
    profile = Profile.open(kernel / "nt.json.gz")
    rows = list(image.pslist(profile))
    assert rows[0].name == "System" and rows[0].pid == 4
    assert len({row.address for row in rows}) == len(rows) > 2
    assert len(process_list.lines(str(kernel / "memory.elf"), str(kernel / "nt.json.gz"))) == len(rows)
    assert any(module.base for module in image.modules(profile))


def test_an_image_proves_its_profile(kernel):
    image = Image.open(kernel / "memory.elf")
    profile = Profile.open(kernel / "nt.json.gz")
    proof = image.validate(profile)
    assert proof.verdict == "match", proof.reason
    assert all(check.result != "FAILED" for check in proof)
    assert profile.guid_age in {record.guid_age for record in image.scan()}


def test_another_profile_lists_nothing(kernel, pdb):
    image = Image.open(kernel / "memory.elf")
    with pytest.raises(Error):
        list(image.pslist(rekall_profile.convert(pdb).profile))


def test_a_repository_over_pandas(kernel, tmp_path):
    pandas = pytest.importorskip("pandas")
    import offsets

    profile = Profile.open(kernel / "nt.json.gz")
    folder = tmp_path / "v1.0/nt/GUID"
    folder.mkdir(parents=True)
    (folder / f"{profile.guid_age}.gz").write_bytes((kernel / "nt.json.gz").read_bytes())
    name = f"nt/GUID/{profile.guid_age}"
    table = offsets.table(str(tmp_path), ["_EPROCESS.ImageFileName", "_EPROCESS.Nothing"])
    assert table.loc[name, "_EPROCESS.ImageFileName"] == profile.member("_EPROCESS.ImageFileName").offset
    assert table.loc[name, "_EPROCESS.Nothing"] is pandas.NA
    repository = Repository(str(tmp_path))
    assert repository.names("nt") == [name]
    assert repository.detect(Image.open(kernel / "memory.elf")) == name
    assert Profile.open(name, repositories=[str(tmp_path)]).text == profile.text
    with pytest.raises(rekall_profile.NotFound):
        repository.open("nt/GUID/" + "0" * 32 + "1")
