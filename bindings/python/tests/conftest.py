"""Inputs that the project makes itself: small PDBs, and memory images of kernels in name only."""

import os
import pathlib
import subprocess
import sys

import pytest

import rekall_profile

ROOT = pathlib.Path(__file__).resolve().parents[3]
sys.path.insert(0, str(ROOT / "bindings/python/examples"))


@pytest.fixture(scope="session")
def pdb() -> pathlib.Path:
    """The kernel-like PDB of the quick start."""
    return next((ROOT / "testdata/kernel/store/ntkrnlmp.pdb").glob("*/*"))


@pytest.fixture(scope="session")
def kernel(tmp_path_factory) -> pathlib.Path:
    """A folder with `memory.elf`, a synthetic image, and `nt.json.gz`, the profile of its kernel."""
    folder = tmp_path_factory.mktemp("kernel")
    program = os.environ.get("SYNTHETIC_IMAGE")
    if not program:
        pytest.skip("SYNTHETIC_IMAGE does not name the program that makes images (scripts/test sets it)")
    subprocess.run([program, folder], check=True)
    (folder / "win10-x64.elf").rename(folder / "memory.elf")
    made = rekall_profile.convert(folder / "x64-19041/ntkrnlmp.pdb")
    assert made.health.verdict == "complete"
    made.save(folder / "nt.json.gz")
    return folder
