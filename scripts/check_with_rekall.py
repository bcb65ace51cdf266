"""Loads profiles with Rekall and compares what Rekall makes of them with what they say.

Started by scripts/check-with-rekall, which gives the folder of Rekall's source and the profiles.
"""

import ast
import gzip
import importlib
import json
import logging
import os
import re
import sys
import types


def import_rekall(source):
    """Rekall's object model and the classes of its profiles, without its plugins' own imports.

    The packages of its plugins import everything they hold, disassemblers and forensic libraries included;
    here they are bare folders, of which single modules are imported.
    """
    sys.path.insert(0, source)
    import rekall

    root = os.path.dirname(rekall.__file__)
    for folder, _, files in os.walk(os.path.join(root, "plugins")):
        if "__init__.py" in files:
            name = "rekall." + os.path.relpath(folder, root).replace(os.sep, ".")
            package = types.ModuleType(name)
            package.__path__ = [folder]
            sys.modules[name] = package
            parent, _, leaf = name.rpartition(".")
            setattr(sys.modules[parent], leaf, package)
    from rekall import obj, session
    import rekall.plugins.overlays.darwin.darwin  # noqa: F401
    import rekall.plugins.overlays.linux.linux  # noqa: F401
    import rekall.plugins.overlays.windows.windows  # noqa: F401

    return obj, session


def read(path):
    with open(path, "rb") as file:
        content = file.read()
    if content[:2] == b"\x1f\x8b":
        content = gzip.decompress(content)
    return json.loads(content)


class Check:
    """One profile, as JSON says and as Rekall says."""

    def __init__(self, obj, session, path):
        self.obj = obj
        self.text = read(path)
        # Rekall keeps and changes what it is given.
        self.profile = obj.Profile.LoadProfileFromData(read(path), session=session, name="checked")
        self.profile.EnsureInitialized()
        # Rekall adds its own members and types to some structs; those are not the profile's.
        self.profile.overlays = []
        # Rekall's own classes for a struct may expect more than the struct has, so the bare struct is used.
        for name in self.text.get("$STRUCTS", {}):
            self.profile.object_classes.pop(name, None)
        self.profile.flush_cache()
        self.wrong = []
        self.counts = {"structs": 0, "members": 0, "symbols": 0, "labels": 0}
        self.unknown = {}
        self.collisions = []
        # Rekall has classes of natives for AMD64, I386, ARM and MIPS; elsewhere offsets are all it can give.
        self.natives = self.profile.has_class("unsigned long")
        self.renamed = 0

    def fail(self, *words):
        self.wrong.append(" ".join(str(word) for word in words))

    def structs(self):
        vm = self.obj.DummyAS(self.profile.session)
        for name, (size, members) in self.text.get("$STRUCTS", {}).items():
            if size == 0 and not members:
                # Rekall takes an empty struct for one that is not there.
                continue
            self.counts["structs"] += 1
            try:
                instance = self.profile.Object(type_name=name, vm=vm, offset=0x1000)
            except RecursionError:
                self.collision(name, size, members)
                continue
            if instance.obj_size != size:
                self.fail(name, "size", size, "Rekall says", instance.obj_size)
            for member, (offset, descriptor) in members.items():
                self.counts["members"] += 1
                self.member(instance, name, member, offset, descriptor)

    def collision(self, name, size, members):
        """A member has the name of an attribute of Rekall's own objects, such as `members`: none can be made."""
        self.collisions.append(name)
        compiled = self.profile.types[name]._kwargs
        places = {member: place[0] for member, place in compiled["members"].items()}
        self.counts["members"] += len(members)
        if (compiled["struct_size"], places) != (size, {member: place[0] for member, place in members.items()}):
            self.fail(name, "is", compiled["struct_size"], places, "in Rekall")

    def member(self, instance, struct, name, offset, descriptor):
        place = "%s.%s" % (struct, name)
        known = instance.members.get(name)
        if known is None or known[0] != offset:
            self.fail(place, "offset", offset, "Rekall says", known and known[0])
            return
        if not self.natives:
            return
        target, arguments = descriptor[0], descriptor[1] if len(descriptor) > 1 else {}
        value = instance.m(name, allow_callable_attributes=False)
        if isinstance(value, self.obj.NoneObject):
            if target in self.text["$STRUCTS"]:
                if self.text["$STRUCTS"][target] != [0, {}]:
                    self.fail(place, "of", target, "is nothing to Rekall")
            else:
                # A native type of which Rekall has no word, such as float: nothing to compare.
                self.unknown[target] = self.unknown.get(target, 0) + 1
            return
        if value.obj_offset != 0x1000 + offset:
            self.fail(place, "lies at", value.obj_offset - 0x1000, "not", offset)
        if target == "BitField":
            bits = (value.start_bit, value.end_bit)
            if bits != (arguments["start_bit"], arguments["end_bit"]):
                self.fail(place, "bits", bits, "not", arguments)
        elif target == "Array":
            if value.count != arguments["count"]:
                self.fail(place, "has", value.count, "elements, not", arguments["count"])
        elif target == "Enumeration":
            expected = self.text.get("$ENUMS", {}).get(arguments["enum_name"], {})
            choices = {str(key): label for key, label in value.choices.items()}
            if choices != expected:
                self.fail(place, "labels", choices, "not", expected)
        elif target in ("Pointer", "Pointer32"):
            size = 4 if target == "Pointer32" or self.profile.metadata("arch") in ("I386", "ARM", "MIPS") else 8
            if value.obj_size != size:
                self.fail(place, "pointer of", value.obj_size, "bytes, not", size)

    def symbols(self):
        values = set(self.profile.constants.values())
        for section in ("$CONSTANTS", "$FUNCTIONS"):
            for name, value in self.text.get(section, {}).items():
                self.counts["symbols"] += 1
                found = self.profile.constants.get(name)
                if found is None:
                    # Rekall takes decorations off once more where a profile is a PE's; several may come to one.
                    self.renamed += 1
                    if value not in values and name[0] not in "?_.@":
                        self.fail(section, name, "is not there")
                elif found != value and name not in self.text.get("$FUNCTIONS", {}):
                    self.fail(section, name, found, "not", value)

    def enumerations(self):
        for name, labels in self.text.get("$ENUMS", {}).items():
            known = self.profile.get_enum(name)
            for value, label in labels.items():
                self.counts["labels"] += 1
                if known.get(value, known.get(int(value))) != label:
                    self.fail(name, value, label, "Rekall says", known)
        for name, values in self.text.get("$REVENUMS", {}).items():
            known = self.profile.get_reverse_enum(name)
            # This release keeps the text of the map (it interns it as if it were a name).
            known = ast.literal_eval(known) if isinstance(known, str) else known
            if known != values:
                self.fail(name, "has other values in Rekall")


def convert(session, pack, output):
    """What Rekall's `convert_profile` does with a Volatility pack; the profile is packed as its repository has it."""
    without_dwarf()
    from rekall import io_manager
    from rekall.plugins.tools import profile_tool
    from rekall_lib import utils

    # Under Python 3 it gets bytes where it expects text, and executes texts that only Python 2 can read.
    select = profile_tool.ProfileConverter.SelectFile

    def decoded(self, pattern):
        text = (select(self, pattern) or b"").decode("latin-1")
        return re.sub(r"\b(\d+)L\b", r"\1", text) if "vtypes" in pattern else text

    profile_tool.ProfileConverter.SelectFile = decoded

    profile = None
    with io_manager.Factory(pack, session=session, mode="r") as source:
        for converter in (profile_tool.LinuxConverter, profile_tool.OSXConverter):
            try:
                profile = converter(source, session=session).Convert()
                break
            except RuntimeError:
                pass
    if profile is None:
        sys.exit("Rekall recognises no profile in %s" % pack)
    with gzip.open(output, "wb") as file:
        file.write(utils.PPrint(profile).encode())


def without_dwarf():
    """Rekall's reader of DWARF needs a library that has changed since; the parts of Rekall used here do not."""
    name = "rekall.plugins.overlays.linux.dwarfparser"
    sys.modules[name] = types.ModuleType(name)


class Bytes:
    """An address space that holds a few bytes, and is not mapped elsewhere."""

    def __init__(self, points):
        self.points = points

    def vtop(self, address):
        return address if address in self.points else None

    def read(self, address, length):
        return self.points.get(address, b"")[:length]


def plain(value):
    """What Rekall builds, as JSON has it."""
    if isinstance(value, bytes):
        return value.decode()
    if isinstance(value, (list, tuple)):
        return [plain(one) for one in value]
    if isinstance(value, dict):
        return {plain(key): plain(one) for key, one in value.items()}
    return value


def check_index(obj, session, root, name, specification):
    """Builds the index of a repository as Rekall does, compares, and lets Rekall look every profile up in ours."""
    import yaml
    from rekall import io_manager
    from rekall.plugins.common import profile_index

    without_dwarf()
    importlib.import_module("rekall.plugins.windows.index")
    from rekall.plugins.tools import profile_tool

    # Under Python 3 it gets text where it expects bytes.
    profile_tool.binascii = types.SimpleNamespace(
        hexlify=lambda text: __import__("binascii").hexlify(text if isinstance(text, bytes) else text.encode()),
        unhexlify=__import__("binascii").unhexlify)
    sha256 = profile_index.hashlib.sha256

    class Hash:
        def __init__(self):
            self.hash = sha256()

        def update(self, text):
            self.hash.update(text.encode())

        def hexdigest(self):
            return self.hash.hexdigest()

    with open(specification) as file:
        spec = yaml.safe_load(file)
    ours = read(os.path.join(root, name + ".gz"))
    loaded = obj.Profile.LoadProfileFromData(read(os.path.join(root, name + ".gz")), session=session, name=name)
    wrong = []
    builder = profile_tool.BuildIndex.__new__(profile_tool.BuildIndex)
    builder.session = session
    builder.io_manager = io_manager.DirectoryIOManager(root, session=session)
    kind = spec.get("type", "data")
    profiles = [key for key in ours["$INDEX"] if not key.startswith("$")]
    if kind in ("data", "struct"):
        theirs = plain(builder.BuildDataIndex(spec) if kind == "data" else builder.BuildStructIndex(spec))
        theirs = {key: value for key, value in theirs["$INDEX"].items() if value and value != ours["$INDEX"].get(key)}
        for key, value in theirs.items():
            found = ours["$INDEX"].get(key)
            # It puts structs' offsets into indexes too.
            if kind == "struct" and found is None and not value.get("offsets"):
                continue
            wrong.append("%s: Rekall has %s, ours %s" % (key, str(value)[:100], str(found)[:100]))
    if kind == "data":
        for profile in profiles:
            points = {0x10000 + at: bytes.fromhex(data[0]) for at, data in ours["$INDEX"][profile]}
            found = dict(loaded.LookupIndex(0x10000, Bytes(points)))
            if found.get(profile) != 1.0:
                wrong.append("%s: Rekall finds %s" % (profile, found))
    if kind == "symbol_offset":
        traits = ours["$INDEX"]["$TRAITS"]
        profiles = list(traits)
        profile_index.hashlib = types.SimpleNamespace(sha256=Hash)
        for profile in profiles:
            constants = read(os.path.join(root, profile + ".gz"))["$CONSTANTS"]
            found = loaded.LookupProfile(constants)
            if found != [(profile, len(traits[profile]))]:
                wrong.append("%s: Rekall finds %s" % (profile, found))
            relative = loaded.RelativizeSymbols(constants)
            digest = type(loaded).CalculateRawProfileHash({"$CONSTANTS": relative})
            if ours["$INDEX"]["$HASHES"].get(digest) != profile:
                wrong.append("%s: Rekall's hash %s is not there" % (profile, digest))
    print("%s: %s: %d profiles compared, %d wrong" % (name, type(loaded).__name__, len(profiles), len(wrong)))
    for line in wrong[:20]:
        print("  " + line)
    return not wrong and bool(profiles)


# What the version of a profile's Windows is, which Rekall guesses by structs that synthetic kernels do not have.
VERSIONS = {"xp": (5, 1), "win7": (6, 1), "win10": (10, 0)}


def check_image(obj, sessions, path, image, truth):
    """Lets Rekall find the page tables in a raw image (of macOS also the shift) and list the processes, by a profile."""
    without_dwarf()
    # Its file systems need a library of their own, and its modes import them.
    lenient = type("Lenient", (types.ModuleType,), {"__getattr__": lambda self, name: type(name, (), {})})
    sys.modules["pytsk3"] = lenient("pytsk3")
    for name in ("addrspaces.standard", "addrspaces.amd64", "addrspaces.intel", "core", "modes", "common.memmap",
                 "darwin.common", "darwin.processes", "darwin.sessions", "windows.common", "windows.kernel",
                 "windows.pagefile", "windows.taskmods"):
        importlib.import_module("rekall.plugins." + name)
    from rekall.plugins.addrspaces import standard

    with open(truth) as file:
        truth = json.load(file)
    # It knows the plugins that are there when it is made.
    session = sessions.Session()
    # What its command line sets when it is not given.
    session.SetParameter("autodetect_scan_length", 10 << 30)
    with session.state:
        session.state.Set("repository_path", [os.path.dirname(os.path.abspath(path))])
    profile = obj.Profile.LoadProfileFromData(read(path), session=session, name="checked")
    windows = not truth["case"].startswith("macos")
    if windows:
        major, minor = next(pair for case, pair in VERSIONS.items() if truth["case"].startswith(case))
        profile.set_metadata("major", major)
        profile.set_metadata("minor", minor)
    session.physical_address_space = standard.FileAddressSpace(filename=image, session=session)
    session.SetCache("profile_obj", profile, volatile=False)
    session.kernel_address_space = next(iter(session.plugins.find_dtb().address_space_hits()))
    bits = (1 << 48) - 1
    if windows:
        # Its search for the base needs its own repository of profiles.
        session.SetCache("kernel_base", truth["kernel_base"] & bits)
        head = profile.get_constant_object("PsActiveProcessHead", "_LIST_ENTRY")
        found = [(int(process.obj_offset) & bits, int(process.pid), int(process.InheritedFromUniqueProcessId),
                  str(process.name)) for process in head.list_of_type("_EPROCESS", "ActiveProcessLinks")]
        wanted = truth["processes"]
    else:
        offsets = sorted(sys.modules["rekall.plugins.darwin.processes"].PsListTasksHook(session=session).calculate())
        found = [(int(process.obj_offset) & bits, int(process.pid), int(process.p_ppid), str(process.p_comm))
                 for process in map(profile.proc, offsets)]
        # Those that have a task.
        wanted = [process for process in truth["processes"] if process["dtb"]]
    wanted = [(process["offset"] & bits, process["pid"], process["ppid"], process["name"]) for process in wanted]
    wrong = ["expected %r" % (row,) for row in wanted if row not in found]
    # A torn page yields a row without a process number.
    wrong += ["found %r" % (row,) for row in found if row not in wanted and row[1]]
    print("%s: page tables at %#x, %d of %d processes as the truth has them" % (
        os.path.basename(image), session.kernel_address_space.dtb, len(wanted) - len(wrong), len(wanted)))
    for line in wrong[:20]:
        print("  " + line)
    return not wrong and bool(wanted)


def main():
    logging.disable(logging.WARNING)
    source, paths = sys.argv[1], sys.argv[2:]
    obj, session = import_rekall(source)
    if paths[0] == "--convert":
        return convert(session.Session(), *paths[1:])
    if paths[0] == "--index":
        sys.exit(0 if check_index(obj, session.Session(), *paths[1:]) else 1)
    if paths[0] == "--image":
        sys.exit(0 if check_image(obj, session, *paths[1:]) else 1)
    good = True
    for path in paths:
        check = Check(obj, session.Session(), path)
        check.structs()
        check.symbols()
        check.enumerations()
        counts = ", ".join("%d %s" % (count, what) for what, count in check.counts.items())
        print("%s: %s: %s compared, %d wrong" % (path, type(check.profile).__name__, counts, len(check.wrong)))
        for what, count in sorted(check.unknown.items()):
            print("  %d members of %s, a native type Rekall has no word for" % (count, what))
        if not check.natives:
            print("  Rekall knows no %s: places are compared, types are not" % check.text["$METADATA"].get("arch"))
        if check.collisions:
            print("  Rekall cannot make objects of %s: members named like its own attributes" % ", ".join(check.collisions))
        if check.renamed:
            print("  %d decorated symbols have another name in Rekall" % check.renamed)
        for line in check.wrong[:20]:
            print("  " + line[:300])
        good = good and not check.wrong and sum(check.counts.values()) > 0
    sys.exit(0 if good else 1)


if __name__ == "__main__":
    main()
