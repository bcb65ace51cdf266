"""The benchmark record: a fixed list of jobs, each beside a reference job of the same run, as raw numbers in
docs/benchmarks.json; the page docs/benchmarks.md, which is made of them; and a comparison with them (scripts/bench check)."""

import hashlib
import json
import os
import pathlib
import platform
import shutil
import subprocess
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
RAW = ROOT / "docs/benchmarks.json"
PAGE = ROOT / "docs/benchmarks.md"
BUILT = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")) / "release"
# Measured where they are installed.
RIVALS = ["pahole", "dwarf2json", "llvm-pdbutil"]
# What is slower by more than this, as a ratio to the reference of its run, is named.
TOLERANCE = 1.05


def sha256(path):
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def one_run(command, cores):
    """CPU seconds, wall seconds and peak MiB of one run on these cores; None if it failed. Runs at real-time priority where that
    is allowed, so that other work on the machine costs no time but that of shared caches and memory."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.sched_setaffinity(0, cores)
        try:
            os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(10))
        except PermissionError:
            pass
        quiet = os.open(os.devnull, os.O_WRONLY)
        os.dup2(quiet, 1)
        os.dup2(quiet, 2)
        began = time.monotonic()
        job = os.fork()
        if job == 0:
            try:
                os.execvp(command[0], command)
            finally:
                os._exit(127)
        _, status, used = os.wait4(job, 0)
        wall = time.monotonic() - began
        os.write(writer, json.dumps([status, used.ru_utime + used.ru_stime, wall, used.ru_maxrss / 1024]).encode())
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader) as pipe:
        status, cpu, wall, peak = json.load(pipe)
    os.waitpid(child, 0)
    # Nothing found is exit code 1, of grep and of version_scan.
    return [round(cpu, 4), round(wall, 4), round(peak, 1)] if os.waitstatus_to_exitcode(status) in (0, 1) else None


def jobs(ours, inputs, scratch):
    """Each job: its name, its input, its command, the name of its reference. References come before the jobs."""
    kernel, pdb, pack = inputs["kernel"], inputs["pdb"], inputs["pack"]
    image, profile, text = inputs["image"], inputs["profile"], inputs["text"]
    out = str(scratch / "out.json.gz")
    plain = str(scratch / "out.json")
    listed = [
        ("a bare walk with gimli", "kernel", [str(BUILT / "examples/walk"), kernel], None),
        ("`gzip -6 -c`", "text", ["gzip", "-6", "-c", text], None),
        ("`grep -aFc RSDS`", "image", ["env", "LC_ALL=C", "grep", "-aFc", "RSDS", image], None),
        ("`parse_dwarf` to `.json.gz`", "kernel", [ours, "parse_dwarf", "-q", kernel, "-o", out], 0),
        ("`parse_pdb` to `.json.gz`", "pdb", [ours, "parse_pdb", "-q", pdb, "-o", out], 1),
        ("`parse_pdb` to `.json`", "pdb", [ours, "parse_pdb", "-q", pdb, "-o", plain], 1),
        ("`convert_profile` to `.json.gz`", "pack", [ours, "convert_profile", "-q", pack, out], 1),
        ("`version_scan`", "image", [ours, "version_scan", "-q", "-f", image], 2),
        ("`validate`", "image", [ours, "validate", "-q", "-f", image, "--profile", profile], 1),
        ("`pslist`", "image", [ours, "pslist", "-q", "-f", image, "--profile", profile], 1),
        ("`inspect` of a struct", "profile", [ours, "inspect", "-q", profile, "task_struct"], 1),
        ("`check`", "profile", [ours, "check", "-q", profile], 1),
    ]
    rivals = [
        ("pahole", "`pahole -F dwarf --sort`", "kernel", ["pahole", "-F", "dwarf", "--sort", kernel], 0),
        ("dwarf2json", "`dwarf2json linux`", "kernel", ["dwarf2json", "linux", "--elf", kernel], 0),
        ("llvm-pdbutil", "`llvm-pdbutil dump -types -publics`", "pdb", ["llvm-pdbutil", "dump", "-types", "-publics", pdb], 1),
    ]
    return listed, [(name, source, command, reference) for tool, name, source, command, reference in rivals
                    if shutil.which(tool)]


def measure(options):
    """The raw record of one run."""
    corpus = os.environ.get("PROFILE_CORPUS") or raise_missing("PROFILE_CORPUS names the folder of real files")
    subprocess.run(["cargo", "build", "--release", "-q", "--locked", "-p", "rekall-profile-cli"], cwd=ROOT, check=True)
    subprocess.run(["cargo", "build", "--release", "-q", "--locked", "-p", "rekall-profile-dwarf", "--example", "walk"],
                   cwd=ROOT, check=True)
    ours = str(BUILT / "rekall-profile")
    cores = sorted(os.sched_getaffinity(0))[:2]
    with tempfile.TemporaryDirectory() as folder:
        scratch = pathlib.Path(folder)
        guest = pathlib.Path(corpus, "images/linux-7.3-cloud")
        image = scratch / "linux-7.3.raw"
        with open(image, "wb") as file:
            subprocess.run(["xz", "-dc", guest / "full.raw.xz"], stdout=file, check=True)
        pack = next(pathlib.Path(corpus, "volatility").glob("*Ubuntu18043.zip"))
        text = scratch / "pack.json"
        subprocess.run([ours, "convert_profile", "-q", pack, text], check=True, capture_output=True)
        inputs = {"kernel": options.kernel, "pdb": options.pdb, "pack": pack, "image": image,
                  "profile": guest / "profile.json.gz", "text": text}
        inputs = {name: str(path) for name, path in inputs.items()}
        listed, rivals = jobs(ours, inputs, scratch)
        runs = {name: {"one": [], "two": []} for name, *_ in listed}
        # Round after round, so that a drift of the machine touches all of them.
        for _ in range(options.runs):
            for name, _, command, _ in listed:
                for key, used in (("one", cores[:1]), ("two", cores)):
                    if key == "one" or len(cores) > 1:
                        runs[name][key].append(one_run(command, used))
        for name, _, command, _ in rivals:
            runs[name] = {"one": [one_run(command, cores[:1])], "two": []}
        commit = subprocess.run(["git", "rev-parse", "--short=12", "HEAD"], cwd=ROOT, capture_output=True, text=True).stdout
        told = {name: {"file": pathlib.Path(path).name, "bytes": os.path.getsize(path), "sha256": sha256(path)}
                for name, path in inputs.items()}
        return {
            "commit": commit.strip(),
            "machine": machine(),
            "copying_gb_per_s": [round(copying(used), 1) for used in (cores[:1], cores)],
            "inputs": told,
            "jobs": [{"name": name, "input": source, "reference": listed[reference][0] if reference is not None else None,
                      "one": runs[name]["one"], "two": runs[name]["two"]}
                     for name, source, _, reference in listed + rivals],
        }


def raise_missing(what):
    raise SystemExit(what)


def machine():
    with open("/proc/cpuinfo") as file:
        model = next((line.split(":")[1].strip() for line in file if line.startswith("model name")), platform.machine())
    return f"{len(os.sched_getaffinity(0))} cores of {model}"


def copying(cores):
    """How many GB a second memory is copied at by one process on each of these cores, all at once."""
    children, size, times = [], 256 << 20, 4
    for core in cores:
        reader, writer = os.pipe()
        child = os.fork()
        if child == 0:
            os.sched_setaffinity(0, {core})
            source, target = bytearray(size), bytearray(size)
            target[:] = source
            began = time.monotonic()
            for _ in range(times):
                target[:] = source
            os.write(writer, str(times * size / 1e9 / (time.monotonic() - began)).encode())
            os._exit(0)
        os.close(writer)
        children.append((child, reader))
    total = 0.0
    for child, reader in children:
        with os.fdopen(reader) as pipe:
            total += float(pipe.read())
        os.waitpid(child, 0)
    return total


def least(runs, which):
    """The least CPU (0), wall (1), or the largest peak (2) of the runs that did not fail; None if all failed."""
    values = [run[which] for run in runs if run]
    return (max if which == 2 else min)(values) if values else None


def ratios(record):
    """For each job with a reference: its CPU on one core and its wall time on two, in units of the reference's CPU."""
    by_name = {job["name"]: job for job in record["jobs"]}
    found = {}
    for job in record["jobs"]:
        reference = by_name.get(job["reference"])
        unit = least(reference["one"], 0) if reference else None
        if unit:
            for word, value in (("CPU on one core", least(job["one"], 0)), ("wall time on two", least(job["two"], 1))):
                if value:
                    found[job["name"], word] = value / unit
    return found


def slower(record, recorded):
    """The figures of our own jobs that are larger than the record says."""
    now, before = ratios(record), ratios(recorded)
    return {key for key in before if key in now and now[key] > TOLERANCE * before[key]
            and not any(rival in key[0] for rival in RIVALS)}


def joined(record, again):
    """The runs of two records of the same jobs."""
    jobs = [{**job, "one": job["one"] + more["one"], "two": job["two"] + more["two"]}
            for job, more in zip(record["jobs"], again["jobs"], strict=True)]
    return {**record, "jobs": jobs}


def check(record, recorded):
    """Prints the figures beside those of the record; returns whether one is larger."""
    now, before = ratios(record), ratios(recorded)
    named = slower(record, recorded)
    print("| job | what | of the reference, recorded | now | now of recorded |")
    print("|---|---|---|---|---|")
    for key in sorted(before):
        if key in now:
            print(f"| {key[0]} | {key[1]} | {before[key]:.3f} | {now[key]:.3f} | {now[key] / before[key]:.2f}"
                  f"{' **slower**' if key in named else ''} |")
    for name, told in record["inputs"].items():
        if told["sha256"] != recorded["inputs"].get(name, {}).get("sha256"):
            print(f"note: another {name} than in the record ({told['file']}): its figures do not compare")
    return bool(named)


def number(value, digits=3):
    return "-" if value is None else f"{value:.{digits}f}"


def page(record):
    """The text of the page."""
    lines = [
        "# Benchmarks", "",
        "This page is made of the raw numbers in [benchmarks.json](benchmarks.json): every run of every job. To measure again:",
        "", "```sh",
        "scripts/build-large-pdb                              # target/large.pdb, from generated C",
        "scripts/bench record --kernel VMLINUX --pdb target/large.pdb    # PROFILE_CORPUS names the folder of real files",
        "scripts/bench check --kernel VMLINUX --pdb target/large.pdb     # names what is more than 5 % slower than the record",
        "```", "",
        f"Commit {record['commit']}, {record['machine']}, release build, files in the cache, all jobs of a round in turn at real-time",
        f"priority, {max(len(job['one']) for job in record['jobs'])} rounds (rivals once); the least of each. Other measurements, of "
        "single parts and of other commits, are in",
        "[measurements.md](measurements.md). Peaks are those of two cores: at real-time priority on one core a second thread, which holds",
        "the file until it has hashed it, runs last.", "",
        "## Inputs", "", "| input | file | MB | SHA-256 |", "|---|---|---|---|",
    ]
    for name, told in record["inputs"].items():
        lines.append(f"| {name} | {told['file']} | {told['bytes'] / 1e6:.1f} | `{told['sha256'][:16]}...` |")
    lines += ["", "The text is what `convert_profile` makes of the pack, unpacked.", "", "## Jobs", "",
              "| job | input | CPU s, one core | wall s, one core | wall s, two cores | two of one | peak MiB | reference | CPU of the reference |",
              "|---|---|---|---|---|---|---|---|---|"]
    found = ratios(record)
    for job in record["jobs"]:
        one, two = least(job["one"], 1), least(job["two"], 1)
        share = found.get((job["name"], "CPU on one core"))
        lines.append(f"| {job['name']} | {job['input']} | {number(least(job['one'], 0))} | {number(one)} | {number(two)} "
                     f"| {number(two / one if one and two else None, 2)} | {number(least(job['two'] or job['one'], 2), 0)} "
                     f"| {job['reference'] or '-'} | {number(share, 2)} |")
    names = " ".join(job["name"] for job in record["jobs"])
    if missing := [rival for rival in RIVALS if rival not in names]:
        lines += ["", f"Not installed where this was measured: {', '.join(missing)}."]
    lines += ["", *scaling(record)]
    return "\n".join(lines) + "\n"


def scaling(record):
    """What more cores would give, by Amdahl's law, from the wall times on one and two cores."""
    one, two = record["copying_gb_per_s"]
    lines = ["## More cores", "",
             "What does not run in parallel follows from the wall times on one and two cores (twice the second, less the first). By",
             "Amdahl's law more cores would then give these wall times; they assume that memory keeps up, and that a job is cut into as many",
             f"parts as there are cores. On this machine one core copies {one} GB/s and two {two} GB/s at once. The program writes its",
             "text in two threads and packs it in as many as there are cores.", "",
             "| job | serial s | of one core | 1 | 2 | 4 | 8 | 16 cores |", "|---|---|---|---|---|---|---|---|"]
    for job in record["jobs"]:
        first, second = least(job["one"], 1), least(job["two"], 1)
        if not (job["reference"] and first and second):
            continue
        serial = min(max(2 * second - first, 0.0), first)
        walls = " | ".join(number(serial + (first - serial) / cores) for cores in (1, 2, 4, 8, 16))
        lines.append(f"| {job['name']} | {number(serial)} | {100 * serial / first:.0f} % | {walls} |")
    return lines


def main(what, options):
    if what == "page":
        PAGE.write_text(page(json.loads(RAW.read_text())))
        return
    record = measure(options)
    if what == "check":
        recorded = json.loads(RAW.read_text())
        # A short job can be disturbed in every run of one series, hardly in two.
        if slower(record, recorded):
            record = joined(record, measure(options))
        raise SystemExit(1 if check(record, recorded) else 0)
    # A job on a line of its own: the file is read as differences, too.
    head = json.dumps({key: value for key, value in record.items() if key != "jobs"}, indent=1)[:-2]
    body = ",\n  ".join(json.dumps(job) for job in record["jobs"])
    RAW.write_text(f'{head},\n "jobs": [\n  {body}\n ]\n}}\n')
    PAGE.write_text(page(record))
