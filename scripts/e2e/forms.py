"""The memory of a guest in other forms than the emulator's, each through another program than ours where there is one."""

import ctypes, json, os, re, shutil, struct, subprocess, zlib

from .archive import Suite
from .system import run

# The release of Debian whose makedumpfile packs with zstd.
NEWER_RELEASE = 'trixie'
FORMS = ('memory.raw', 'core.elf', 'memory.lime', 'memory.avml', 'memory.E01', 'qemu.kdump', 'qemu.zlib', 'vmcore', 'vmcore.zlib',
         'vmcore.lzo', 'vmcore.zstd', 'vmcore.snappy', 'vmcore.plain', 'vmcore.filtered', 'vmcore.flat', 'memory.vmem', 'memory.vmss',
         'state.vmsn', 'memory.vbox')


def forms(folder):
    """Writes every form beside the raw file."""
    raw, truth = f'{folder}/memory.raw', json.load(open(f'{folder}/truth.json'))
    with open(raw, 'rb') as file: memory = file.read()
    regions = truth['ram']
    lime(f'{folder}/memory.lime', memory, regions)
    if avml := shutil.which('avml'):
        run(avml, 'convert', '--source-format', 'lime', '--format', 'lime_compressed', f'{folder}/memory.lime', f'{folder}/memory.avml')
    else: print('no memory.avml: install avml first (cargo install avml)')
    vmcore(f'{folder}/vmcore', memory, regions, truth, f'{folder}/core.elf')
    # The letter is the compression (Debian builds it without snappy and zstd); 31 leaves out every page that is free,
    # zero, cached or a user's.
    quiet = {'stdout': subprocess.DEVNULL, 'stderr': subprocess.DEVNULL}
    for name, options in (('vmcore.zlib', '-c -d 31'), ('vmcore.lzo', '-l -d 31'), ('vmcore.plain', '-d 0'), ('vmcore.filtered', '-E -d 31')):
        run('makedumpfile', *options.split(), '-f', f'{folder}/vmcore', f'{folder}/{name}', **quiet)
    with open(f'{folder}/vmcore.flat', 'wb') as file:
        run('makedumpfile', '-F', '-c', '-d', '31', f'{folder}/vmcore', stdout=file, stderr=subprocess.DEVNULL)
    with open(f'{folder}/qemu.kdump', 'rb') as file: run('makedumpfile', '-R', '-f', f'{folder}/qemu.zlib', stdin=file, **quiet)
    if newer := makedumpfile_with_zstd(os.path.dirname(folder)):
        run(newer, '-z', '-d', '31', '-f', f'{folder}/vmcore', f'{folder}/vmcore.zstd', **quiet)
    snappy(f'{folder}/vmcore.zlib', f'{folder}/vmcore.snappy')
    vmware(folder, memory, truth)
    virtualbox(f'{folder}/memory.vbox', memory, regions, truth)
    run('ewfacquire', '-u', '-q', '-c', 'fast', '-f', 'encase6', '-S', '20MiB', '-t', f'{folder}/memory', raw, stdout=subprocess.DEVNULL)


def makedumpfile_with_zstd(folder):
    """A makedumpfile that packs with zstd: the one that is installed, else a newer release's, unpacked into `folder`."""
    def knows(program):
        said = subprocess.run([program, '-v'], capture_output=True, text=True)
        return re.search(r'zstd\s+enabled', said.stdout + said.stderr)
    if knows('makedumpfile'): return 'makedumpfile'
    place = f'{folder}/makedumpfile-newer'
    program = f'{place}/usr/bin/makedumpfile'
    if not os.path.exists(program):
        os.makedirs(place, exist_ok=True)
        run('dpkg', '-x', Suite(folder, NEWER_RELEASE, 'amd64').package('makedumpfile', place), place)
    if knows(program): return program
    print('no vmcore.zstd: no makedumpfile here packs with zstd')
    return None


def snappy(source, target):
    """A kdump with every page packed by snappy instead of zlib, for no makedumpfile of Debian's packs with it. All but
    the pages and their descriptors stays as makedumpfile wrote it."""
    library = ctypes.CDLL('libsnappy.so.1')
    def pack(page):
        room = ctypes.c_size_t(library.snappy_max_compressed_length(ctypes.c_size_t(len(page))))
        packed = ctypes.create_string_buffer(room.value)
        if library.snappy_compress(page, ctypes.c_size_t(len(page)), packed, ctypes.byref(room)): raise SystemExit('snappy failed')
        return packed.raw[:room.value]
    with open(source, 'rb') as file: dump = bytearray(file.read())
    block, sub, bitmaps = struct.unpack_from('<3I', dump, 428)
    at = block * (1 + sub)
    count = sum(byte.bit_count() for byte in dump[at + bitmaps * block // 2:at + bitmaps * block])
    at += bitmaps * block
    struct.pack_into('<I', dump, 424, 4)
    out, moved = dump[:at + 24 * count], {}
    for index in range(count):
        offset, size, flags, page_flags = struct.unpack_from('<QIIQ', dump, at + 24 * index)
        if offset not in moved:
            stored = bytes(dump[offset:offset + size])
            page = zlib.decompress(stored) if flags & 1 else stored
            packed = pack(page)
            small = len(packed) < len(page)
            moved[offset] = (len(out), len(packed) if small else len(page), 4 if small else 0)
            out += packed if small else page
        struct.pack_into('<QIIQ', out, at + 24 * index, *moved[offset], page_flags)
    with open(target, 'wb') as file: file.write(out)


def registers(truth):
    """The registers of the first processor, as the emulator printed them."""
    text = '\n'.join(truth['registers'])
    text = text[:text.find('CPU#1')] if 'CPU#1' in text else text
    found = {name: int(value, 16) for name, value in re.findall(r'\b(R[A-Z0-9]+|CR\d|EFER) *=([0-9a-f]+)', text)}
    found['IDT'] = int(re.search(r'IDT= +([0-9a-f]+)', text).group(1), 16)
    return found


def vmware(folder, memory, truth):
    """What VMware leaves of a suspended machine, as crash and Volatility read it: the memory in one file and where it
    belongs in another, and as a snapshot has it, the memory in the state file. The parts below and above the devices' hole
    are what VMware has below and above 4 GiB: two, with no page between."""
    parts = [(0, 0xa0000), (0x100000, len(memory))]
    content = b''.join(memory[start:end] for start, end in parts)
    seen = registers(truth)
    def tag(name, indices, value):
        return bytes([len(indices) << 6 | len(value), len(name)]) + name + struct.pack(f'<{len(indices)}I', *indices) + value
    def number(name, *indices, value, width=4): return tag(name, indices, value.to_bytes(width, 'little'))
    where, page = number(b'regionsCount', value=len(parts)), 0
    for index, (start, end) in enumerate(parts):
        where += number(b'regionPageNum', index, value=page) + number(b'regionPPN', index, value=start >> 12)
        where += number(b'regionSize', index, value=(end - start) >> 12)
        page += (end - start) >> 12
    cpu = number(b'cpu:numVCPUs', value=1) + number(b'rip', 0, value=seen['RIP'], width=8)
    for index in (0, 2, 3, 4): cpu += number(b'CR64', 0, index, value=seen[f'CR{index}'], width=8)
    cpu += number(b'EFER', 0, value=seen['EFER'], width=8)
    for index, value in ((1, seen['IDT'] & 0xffffffff), (2, seen['IDT'] >> 32)): cpu += number(b'IDTR', 0, index, value=value)
    def state(inside):
        groups, body = b'', b''
        # crash reads eighty times the table of groups at once.
        first = 12 + 2 * 80 * 80
        for name, tags in ((b'cpu', cpu + b'\0\0'), (b'memory', where)):
            place = first + len(body)
            if name == b'memory' and inside is not None:
                head = bytes([0xff, 6]) + b'Memory' + struct.pack('<III', 0, 0, 0)
                padding = -(place + len(tags) + len(head) + 18) % 4096
                tags += head + struct.pack('<QQH', len(inside), len(inside), padding) + bytes(padding) + inside
            if name == b'memory': tags += b'\0\0'
            groups += name.ljust(64, b'\0') + struct.pack('<QQ', place, len(tags))
            body += tags
        return (struct.pack('<III', 0xbed2bed2, 8, 2) + groups).ljust(first, b'\0') + body
    for name, bytes_ in (('memory.vmem', content), ('memory.vmss', state(None)), ('state.vmsn', state(content))):
        with open(f'{folder}/{name}', 'wb') as file: file.write(bytes_)


def virtualbox(path, memory, regions, truth):
    """A core as VirtualBox's `dumpvmcore` writes it: names of notes without their zero byte, sizes in eights, no version
    in the first sixteen bytes, devices' ranges without content."""
    seen = registers(truth)
    names = 'RAX RBX RCX RDX RSI RDI R8 R9 R10 R11 R12 R13 R14 R15 RIP RSP RBP'.split()
    cpu = struct.pack('<18Q', *(seen.get(name, 0) for name in names), 2) + bytes(6 * 24)
    cpu += struct.pack('<4Q', *(seen[f'CR{index}'] for index in (0, 2, 3, 4))) + bytes(64)
    cpu += struct.pack('<QIIQII', 0, 0, 0, seen['IDT'], 0xfff, 0) + bytes(48 + 24) + struct.pack('<Q', seen['EFER'])
    cpu = cpu.ljust(4096 + 600, b'\0')
    def note(name, kind, body): return struct.pack('<III', len(name), len(body), kind) + name.ljust(8, b'\0') + body
    notes = note(b'VBCORE', 0xb00, struct.pack('<6I', 0xc01ac0de, 0x10005, 24, 0x60001, 1, 1)) + note(b'VBCPU', 0xb01, cpu)
    hole = (0xe0000000, 0xe1000000)
    loads = [(start, end, True) for start, end in regions] + [(*hole, False)]
    offset = 64 + 56 * (len(loads) + 1)
    table = struct.pack('<IIQQQQQQ', 4, 4, offset, 0, 0, len(notes), len(notes), 0)
    data = offset + len(notes)
    for start, end, ram in loads:
        table += struct.pack('<IIQQQQQQ', 1, 4, data, 0, start, end - start if ram else 0, end - start, 0)
        data += end - start if ram else 0
    with open(path, 'wb') as file:
        file.write(b'\x7fELF\2\1\0' + bytes(9) + struct.pack('<HHIQQQIHHHHHH', 4, 62, 1, 0, 64, 0, 0, 64, 56, len(loads) + 1, 64, 0, 0))
        file.write(table + notes)
        for start, end, ram in loads:
            if ram: file.write(memory[start:end])


def lime(path, memory, regions):
    """LiME's file: a header of 32 bytes before each range of RAM, which ends with its last byte."""
    with open(path, 'wb') as file:
        for start, end in regions:
            file.write(struct.pack('<IIQQQ', 0x4c694d45, 1, start, end - 1, 0))
            file.write(memory[start:end])


def vmcore(path, memory, regions, truth, core):
    """An ELF core as a crashed kernel leaves it in /proc/vmcore: the kernel's own range once more before the RAM, and
    addresses in the kernel's maps. (makedumpfile does not read the emulator's, whose program headers come last.)"""
    notes = {}
    with open(core, 'rb') as file: theirs = file.read(1 << 16)
    header = struct.unpack_from('<IIQQQQQQ', theirs, struct.unpack_from('<Q', theirs, 32)[0])
    at, end = header[2], header[2] + header[5]
    while at < end:
        name, size, kind = struct.unpack_from('<III', theirs, at)
        body = at + 12 + (name + 3) // 4 * 4
        notes[theirs[at + 12:at + 11 + name].decode()] = theirs[at:body + (size + 3) // 4 * 4]
        at = body + (size + 3) // 4 * 4
    phys_base = int(re.search(rb'NUMBER\(phys_base\)=(-?\d+)', notes['VMCOREINFO']).group(1))
    text, variable = (int(truth['kallsyms'][name], 16) for name in ('_text', 'page_offset_base'))
    def physical(address): return address - 0xffffffff80000000 + phys_base
    page_offset = struct.unpack_from('<Q', memory, physical(variable))[0]
    note = notes['CORE'] + notes['VMCOREINFO']
    loads = [(text, physical(text), 64 << 20)] + [(page_offset + start, start, end - start) for start, end in regions]
    offset = 64 + 56 * (len(loads) + 1)
    table = struct.pack('<IIQQQQQQ', 4, 0, offset, 0, 0, len(note), len(note), 4)
    data = (offset + len(note) + 4095) // 4096 * 4096
    with open(path, 'wb') as file:
        for virtual, start, size in loads:
            size = min(size, regions[-1][1] - start)
            table += struct.pack('<IIQQQQQQ', 1, 7, data, virtual, start, size, size, 0)
            file.seek(data)
            file.write(memory[start:start + size])
            data += size
        file.seek(0)
        file.write(b'\x7fELF\2\1\1' + bytes(9) + struct.pack('<HHIQQQIHHHHHH', 4, 62, 1, 0, 64, 0, 0, 64, 56, len(loads) + 1, 0, 0, 0))
        file.write(table + note)
