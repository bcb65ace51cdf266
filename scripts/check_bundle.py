"""What scripts/check-bundle does: measures bundles of real profiles and compares what comes out of them."""

import gzip
import hashlib
import json
import random
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

PROGRAM, WORK, ROUNDS, *FOLDERS = sys.argv[1:]
WORK = Path(WORK)
ERRORS = []


# The kernel counts what a parent held when it forked into its child's peak: the parent has to be a small one.
STARTER = subprocess.Popen([sys.executable, "-I", "-S", "-c", """
import os, sys
for line in sys.stdin:
    out, err, *words = line.rstrip("\\n").split("\\0")
    files = [os.open(name, os.O_WRONLY | os.O_CREAT | os.O_TRUNC) for name in (out, err)]
    child = os.posix_spawn(words[0], words, dict(os.environ),
                           file_actions=[(os.POSIX_SPAWN_DUP2, files[0], 1), (os.POSIX_SPAWN_DUP2, files[1], 2)])
    _, status, used = os.wait4(child, 0)
    for file in files: os.close(file)
    print(os.waitstatus_to_exitcode(status), used.ru_utime + used.ru_stime, used.ru_maxrss, flush=True)
"""], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def run(*arguments, allowed=(0,)):
    """Runs the program; returns its standard output, its processor seconds and its largest memory in KiB."""
    out, err = WORK / "standard-output", WORK / "standard-error"
    STARTER.stdin.write("\0".join(map(str, (out, err, PROGRAM, *arguments))) + "\n")
    STARTER.stdin.flush()
    code, seconds, memory = STARTER.stdout.readline().split()
    if int(code) not in allowed:
        sys.exit(f"{' '.join(map(str, arguments))}: exit code {code}\n{err.read_text(errors='replace')}")
    return out.read_bytes(), float(seconds), int(memory)


def profiles():
    """Every profile of the folders by its name, made of a PDB or a symbol table (ISF) if need be."""
    found = {}
    for folder in map(Path, FOLDERS):
        for path in sorted(folder.rglob("*")):
            if path.name.endswith(".json.gz"):
                found[path.name.removesuffix(".json.gz")] = path
            elif path.name.endswith(".json.xz"):
                name = f"{path.parent.name}-{listed_version(path) or path.name.removesuffix('.json.xz')}"
                made = WORK / "isf" / f"{name}.json.gz"
                made.parent.mkdir(parents=True, exist_ok=True)
                run("export", path, "--format", "rekall", "-q", "-o", made, allowed=(0, 1))
                found[name] = made
            elif path.suffix.lower() == ".pdb" and path.is_file():
                name = f"{path.stem}-{path.parent.name}"
                made = WORK / "pdb" / f"{name}.json.gz"
                made.parent.mkdir(parents=True, exist_ok=True)
                run("parse_pdb", path, "-q", "-o", made, allowed=(0, 1))
                found[name] = made
    return found


def listed_version(path):
    """The version that a MANIFEST.tsv beside the folder of a table states, as a table of Windows does not."""
    manifest = path.parent.parent / "MANIFEST.tsv"
    rows = [line.split("\t") for line in manifest.read_text().splitlines()] if manifest.is_file() else []
    wanted = path.name.removesuffix(".json.xz").replace("-", "")
    return next((row[0] for row in rows if len(row) > 2 and row[2] == wanted), None)


def canonical(path):
    """The canonical text: what the program writes of what it reads."""
    return run("export", path, "--format", "rekall", "-q", allowed=(0, 1))[0]


def series_of(listing):
    """The builds of each series, in the order of the bundle, with their versions."""
    series = {}
    for build in listing["builds"]:
        words = [word for word in build["version"].split("-")[1:] if word[:1].isalpha() and not re.match(r"rc\d", word)]
        key = (build["class"], build["arch"], build["pdb"] or "", "-".join(words))
        series.setdefault(key, []).append(build)
    return series


def bundle_of(paths, name="part.bundle"):
    place = WORK / name
    place.unlink(missing_ok=True)
    _, seconds, memory = run("bundle", "create", *paths, "-q", "-o", place)
    return place, place.stat().st_size, seconds, memory


def isf_size(path):
    out = WORK / "table.json.xz"
    out.unlink(missing_ok=True)
    run("export", path, "--format", "isf", "-q", "-o", out, allowed=(0, 1))
    return out.stat().st_size


def distance(before, after):
    """How many minor versions of Linux lie between two releases, as far as that can be said: 6.19 is followed by 7.0."""
    (major, minor), (next_major, next_minor) = (tuple(map(int, re.findall(r"\d+", one)[:2])) for one in (before, after))
    if major == next_major:
        return next_minor - minor
    return 1 if (minor, next_minor) == (19, 0) and next_major == major + 1 else 2


def distribution(version):
    """What a release has behind its version: `deb12` in 6.12.117+deb12-cloud-amd64."""
    return re.search(r"\+([a-z]+\d+)|$", version)[1]


def measure_series(found, listing):
    print("| series | build | ISF .json.xz | in the bundle | of its ISF | allowed |")
    print("|---|---|--:|--:|--:|--:|")
    for (kind, arch, file, flavour), builds in series_of(listing).items():
        size = 0
        title = " ".join(part for part in (kind, arch, file, flavour) if part)
        for position, build in enumerate(builds):
            paths = [found[one["name"]] for one in builds[: position + 1]]
            whole = bundle_of(paths)[1]
            isf, added, size = isf_size(paths[-1]), whole - size, whole
            if position == 0:
                allowed = 90
            elif kind == "Linux":
                # A version that lies further apart may be as large as a first one.
                before = builds[position - 1]["version"]
                steps = distance(before, build["version"])
                # Another distribution builds the same version with another compiler.
                steps = steps or distribution(before) != distribution(build["version"])
                allowed = {0: 1, 1: 20}.get(steps, 90)
            else:
                # Each build of Windows is one of another year.
                allowed = 90
            share = 100 * added / isf
            print(f"| {title} | {build['name']} | {isf:,} | {added:,} | {share:.2f} % | {allowed} % |", flush=True)
            if share > allowed:
                ERRORS.append(f"{build['name']}: {share:.2f} % of its ISF, more than {allowed} %")


def check_extraction(found, bundle):
    folder = WORK / "out"
    seconds = run("bundle", "extract", bundle, "--folder", folder)[1]
    different = [
        name
        for name, path in found.items()
        if hashlib.sha256(gzip.decompress((folder / f"{name}.json.gz").read_bytes())).digest()
        != hashlib.sha256(canonical(path)).digest()
    ]
    ERRORS.extend(f"{name}: it does not come out as it was put in" for name in different)
    print(f"{len(found) - len(different)} of {len(found)} profiles come out byte by byte; {seconds:.1f} s of processor time")


def ask(what, limit, memory_limit, *arguments, allowed=(0,)):
    """The best of five runs."""
    runs = [run(*arguments, allowed=allowed)[1:] for _ in range(5)]
    seconds, memory = min(seconds for seconds, _ in runs), max(memory for _, memory in runs)
    print(f"{what}: {seconds * 1000:.0f} ms of processor time, {memory / 1024:.0f} MiB")
    if seconds > limit or memory > memory_limit * 1024:
        ERRORS.append(f"{what}: {seconds * 1000:.0f} ms and {memory / 1024:.0f} MiB, more than {limit * 1000:.0f} ms or {memory_limit} MiB")


def kill_writers(found, listing, rounds):
    """A writer that is killed leaves the old bundle, or has finished the new one."""
    paths = [found[build["name"]] for build in listing["builds"]][:4]
    place = bundle_of(paths[:-1], "killed.bundle")[0]
    old = place.read_bytes()
    begun = time.monotonic()
    run("bundle", "append", place, paths[-1])
    length, new = time.monotonic() - begun, place.read_bytes()
    chance, killed = random.Random(1), 0
    for _ in range(rounds):
        place.write_bytes(old)
        child = subprocess.Popen([PROGRAM, "bundle", "append", place, paths[-1], "-q"])
        time.sleep(chance.uniform(0, length * 1.1))
        child.send_signal(signal.SIGKILL)
        killed += child.wait() == -signal.SIGKILL
        if place.read_bytes() not in (old, new):
            ERRORS.append("a killed writer left something else than the old or the new bundle")
    run("bundle", "append", place, paths[-1], "-q")
    if place.read_bytes() != new:
        ERRORS.append("after killed writers another bundle is written")
    left = [path.name for path in WORK.iterdir() if path.name.startswith(".")]
    print(f"{killed} of {rounds} writers were killed at their work: the old bundle, or the new one; left behind: {left or 'nothing'}")


def main():
    found = profiles()
    place, size, seconds, memory = bundle_of(found.values(), "all.bundle")
    listing = json.loads(run("bundle", "list", place, "--json")[0])
    measure_series(found, listing)
    total = sum(isf_size(path) for path in found.values())
    print(f"all {len(found)}: {size:,} bytes, {100 * size / total:.1f} % of {total:,} bytes of ISF .json.xz; "
          f"made in {seconds:.1f} s of processor time with {memory / 1024:.0f} MiB")
    if bundle_of(reversed(list(found.values())), "again.bundle")[0].read_bytes() != place.read_bytes():
        ERRORS.append("another order of the profiles gives another bundle")
    check_extraction(found, place)
    linux = [build["name"] for build in listing["builds"] if build["class"] == "Linux"]
    if len(linux) < 2:
        sys.exit("the folders hold no two Linux kernels, of which the questions are")
    ask("history task_struct.mm", 0.02, 64, "history", "task_struct.mm", "--bundle", place)
    ask("history --which-build", 0.02, 64, "history", "--which-build", "task_struct.pid=0", "--bundle", place, allowed=(0, 1))
    ask("history --changed-between", 0.5, 256, "history", "--changed-between", linux[0], linux[1], "--bundle", place, allowed=(0, 1))
    ask("diff of two neighbours", 0.5, 512, "diff", found[linux[0]], found[linux[1]], allowed=(0, 1))
    thousand = WORK / "thousand.bundle"
    if thousand.exists():
        print(f"1,000 builds made up from one: {thousand.stat().st_size:,} bytes")
        ask("history task_struct.mm over 1,000 builds", 0.02, 64, "history", "task_struct.mm", "--bundle", thousand)
        ask("history --which-build over 1,000 builds", 0.02, 64, "history", "--which-build", "task_struct.mm=0", "--bundle", thousand, allowed=(0, 1))
    kill_writers(found, listing, int(ROUNDS))
    for error in ERRORS:
        print(f"FAILED: {error}")
    sys.exit(1 if ERRORS else 0)


main()
