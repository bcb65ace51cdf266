"""Kills manage_repo at random moments and compares the repository with that of an undisturbed builder.

  check_kills.py PROGRAM SCRATCH ROUNDS SEED        (scripts/check-kills)"""
import atexit, base64, gzip, hashlib, io, json, os, pathlib, random, shutil, signal, struct, subprocess, sys, tarfile, time, zipfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from symbol_store import Store, guid_list

PROGRAM, SCRATCH, ROUNDS, SEED = sys.argv[1], pathlib.Path(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4])
ROOT = pathlib.Path(__file__).resolve().parent.parent
OURS = '9E4DF50D3AD3E3064C4C44205044422E1'
NOWHERE = '000000000000000000000000000000000'
BUILDS, SHARDS = 24, 3
CONFIG = '''nt/GUID:
  type: WindowsGUIDProfile
  guids: src/nt/guids.yaml
  has_structs: true
  profile_class: Nt
  transforms: {merge: [nt/undocumented]}
public/GUID:
  type: WindowsGUIDProfile
  guids: src/public/guids.yaml
  profile_class: Nt
nt/undocumented: {type: CopyAndTransform, source: src/nt/undocumented.yaml}
artifacts: {type: ArtifactProfile, patterns: ['src/artifacts/*.yaml']}
OSX: {type: OSXProfile, sources: [src/OSX/10.9.5]}
Linux: {type: LinuxProfile}
'''
# Sources on a server, whose address is only known when it runs.
SERVED = '''debian: {type: DebianArchive, address: ADDRESS/debian, suites: [bookworm], mode: dwarf}
fetched: {type: Debuginfod, servers: [ADDRESS], list: src/ids.txt}
community: {type: IsfList, address: ADDRESS/banners.json}
'''
KERNELS = 6
# The dump of a small kernel's debug information, and its map.
DUMP = '''
.debug_info

<0><0x0+0xb><DW_TAG_compile_unit> DW_AT_producer<GNU C -m64> DW_AT_language<DW_LANG_C89> DW_AT_name<m.c>
<1><0x1d><DW_TAG_base_type> DW_AT_byte_size<0x00000004> DW_AT_encoding<DW_ATE_signed> DW_AT_name<int>
<1><0x24><DW_TAG_structure_type> DW_AT_name<task_struct> DW_AT_byte_size<0x00000020>
<2><0x30><DW_TAG_member> DW_AT_name<tasks> DW_AT_type<<0x0000001d>> DW_AT_data_member_location<0>
<2><0x38><DW_TAG_member> DW_AT_name<pid> DW_AT_type<<0x0000001d>> DW_AT_data_member_location<8>
<2><0x40><DW_TAG_member> DW_AT_name<comm> DW_AT_type<<0x0000001d>> DW_AT_data_member_location<12>
<2><0x48><DW_TAG_member> DW_AT_name<mm> DW_AT_type<<0x0000001d>> DW_AT_data_member_location<16>
<1><0x60><DW_TAG_structure_type> DW_AT_name<mm_struct> DW_AT_byte_size<0x00000008>
<2><0x68><DW_TAG_member> DW_AT_name<pgd> DW_AT_type<<0x0000001d>> DW_AT_data_member_location<0>
'''
MAP = '''ffffffff81000000 T _text
ffffffff81600000 D init_task
ffffffff81700000 D init_top_pgt
'''
chance = random.Random(SEED)


def fail(*words):
    sys.exit('check-kills: ' + ' '.join(map(str, words)) + f' (seed {SEED})')


def command(repository, *words):
    # The other verbs fetch nothing, and refuse the option.
    fetches = not set(words) & {'import', 'missing', 'plan', 'seal'}
    symbols = ['--symbol-path', str(SCRATCH / 'symbols')] if fetches else []
    return [PROGRAM, 'manage_repo', '--path_to_repository', str(repository), *symbols, '-q', *words]


def run(repository, *words):
    """Runs to the end; one build is nowhere, so that exit code 1 is right for what makes profiles."""
    done = subprocess.run(command(repository, *words), capture_output=True, text=True)
    if done.returncode not in (0, 1):
        fail(words, 'exit code', done.returncode, done.stderr)


def without_types(pdb):
    """A PDB whose streams of types say that they hold none."""
    data, start, at = bytearray(pdb), struct.pack('<III', 20_040_203, 56, 0x1000), -1
    while (at := data.find(start, at + 1)) >= 0:
        data[at + 12:at + 20] = struct.pack('<II', 0x1000, 0)
    return bytes(data)


def kernel(number):
    """A debug file of our own with another build-id."""
    content = (ROOT / 'testdata/dwarf/elf/common.debug').read_bytes()
    note = content.index(b'\4\0\0\0\x14\0\0\0\3\0\0\0GNU\0') + 16
    return content[:note] + bytes([number]) * 20 + content[note + 20:]


def package(path, content):
    """A Debian package with one file, as large as the smallest that is taken for a kernel's."""
    tar = io.BytesIO()
    with tarfile.open(fileobj=tar, mode='w') as archive:
        entry = tarfile.TarInfo(path)
        entry.size = len(content)
        archive.addfile(entry, io.BytesIO(content))
    made = b'!<arch>\n'
    for name, part in [('debian-binary', b'2.0\n'), ('data.tar', tar.getvalue()), ('_padding', bytes(64 << 10))]:
        made += f'{name:<16}{0:<32}{len(part):<10}`\n'.encode() + part + b'\n' * (len(part) % 2)
    return made


def serve_sources():
    """A server with an archive of Debian's kind, debug files by build-id, and a list of tables. Returns the entries for it."""
    root, packages = SCRATCH / 'served', ''

    def put(path, content):
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(content)

    for number in range(1, KERNELS + 1):
        path = f'pool/linux-image-6.1.0-{number}-cloud-amd64-dbg_6.1.{number}-1_amd64.deb'
        deb = package(f'./usr/lib/debug/boot/vmlinux-6.1.0-{number}-cloud-amd64', kernel(number))
        put(f'debian/{path}', deb)
        packages += (f'Package: linux-image-6.1.0-{number}-cloud-amd64-dbg\nVersion: 6.1.{number}-1\nArchitecture: amd64\n'
                     f'Filename: {path}\nSize: {len(deb)}\nSHA256: {hashlib.sha256(deb).hexdigest()}\n\n')
        put(f'buildid/{bytes([64 + number] * 20).hex()}/debuginfo', kernel(64 + number))
    listing = 'main/binary-amd64/Packages'
    put(f'debian/dists/bookworm/{listing}', packages.encode())
    digest = hashlib.sha256(packages.encode()).hexdigest()
    put('debian/dists/bookworm/Release', f'Suite: bookworm\nSHA256:\n {digest} {len(packages)} {listing}\n'.encode())
    server = subprocess.Popen([PROGRAM, 'serve', str(root), '--listen', '127.0.0.1:0'], stdout=subprocess.PIPE,
                              stderr=subprocess.DEVNULL, text=True)
    atexit.register(server.kill)
    address = server.stdout.readline().strip()
    (SCRATCH / 'vmlinux').write_bytes(kernel(1))
    made = [PROGRAM, 'parse_dwarf', str(SCRATCH / 'vmlinux'), '-q', '-o', str(SCRATCH / 'kernel.json')]
    subprocess.run(made, check=False, stdout=subprocess.DEVNULL)
    banners = {}
    for number in range(1, KERNELS + 1):
        banner = f'Linux version 6.1.0-{128 + number}-cloud-amd64 (kill@example.org) #1 SMP'
        table = SCRATCH / 'table.json'
        subprocess.run([PROGRAM, 'export', str(SCRATCH / 'kernel.json'), '--format', 'isf', '--banner', banner, '-q', '-o', str(table)],
                       check=True)
        put(f'isf/{number}.json', table.read_bytes())
        banners[base64.b64encode(f'{banner}\n\0'.encode()).decode()] = [f'{address}/isf/{number}.json']
    put('banners.json', json.dumps({'version': 1, 'linux': banners}).encode())
    return SERVED.replace('ADDRESS', address)


def prepare():
    """Symbols, profiles to be imported, and the repository as it is before anything is made."""
    (SCRATCH / 'pdb').mkdir()
    fetched = [PROGRAM, 'fetch_pdb', 'ntkrnlmp.pdb', OURS, '--symbol-path', str(ROOT / 'testdata/kernel/store'), '-D',
               str(SCRATCH / 'pdb'), '-q']
    subprocess.run(fetched, check=True, stdout=subprocess.DEVNULL)
    pdb = next(path for path in (SCRATCH / 'pdb').rglob('ntkrnlmp.pdb') if path.is_file()).read_bytes()
    store, bare = Store(SCRATCH / 'symbols'), without_types(pdb)
    builds = [store.put(pdb, number, 'ntkrnlmp.pdb') for number in range(BUILDS)]
    public = [store.put(bare, number, 'rpcrt4.pdb') for number in range(BUILDS, BUILDS + 6)]
    later = [store.put(pdb, number, 'ntkrnlmp.pdb') for number in range(BUILDS + 6, BUILDS + 9)]
    own = SCRATCH / 'symbols/ntkrnlmp.pdb' / OURS
    own.mkdir(parents=True, exist_ok=True)
    (own / 'ntkrnlmp.pdb').write_bytes(pdb)
    for name, bytes_of in [('full', pdb), ('bare', bare)]:
        (SCRATCH / f'{name}.pdb').write_bytes(bytes_of)
        made = [PROGRAM, 'parse_pdb', str(SCRATCH / f'{name}.pdb'), '--profile_class', 'Nt', '-q', '-o',
                str(SCRATCH / f'{name}.json.gz')]
        subprocess.run(made, stdout=subprocess.DEVNULL)
    source = SCRATCH / 'source/v1.0'
    ids = ''.join(f'{bytes([64 + number] * 20).hex()}\n' for number in range(1, KERNELS + 1))
    texts = {'config.yaml': CONFIG + serve_sources(), 'src/ids.txt': ids, 'src/nt/guids.yaml': guid_list({'ntkrnlmp.pdb': builds + [NOWHERE]}),
             'src/public/guids.yaml': guid_list({'rpcrt4.pdb': public}),
             'src/nt/undocumented.yaml': '$STRUCTS: {_X: [8, {a: [0, [unsigned int]]}]}\n',
             'src/artifacts/a.yaml': 'name: A\n---\nname: B\n'}
    for name, text in texts.items():
        (source / name).parent.mkdir(parents=True, exist_ok=True)
        (source / name).write_text(text)
    (source / 'src/OSX/10.9.5').mkdir(parents=True)
    (source / 'src/OSX/10.9.5/module.dwarf').write_text(DUMP)
    (source / 'src/OSX/10.9.5/System.map-6.1.0').write_text(MAP)
    (source / 'src/Linux/Debian').mkdir(parents=True)
    with zipfile.ZipFile(source / 'src/Linux/Debian/6.1.0-smp.zip', 'w') as pack:
        pack.writestr('module.dwarf', DUMP)
        pack.writestr('System.map-6.1.0', MAP)
    binary = str(ROOT / 'testdata/kernel/ntoskrnl.exe')
    return [
        [['build', '--shard', f'{number}/{SHARDS}'] for number in range(1, SHARDS + 1)],
        [['build_all']],
        [['seal']],
        [['nt/GUID', 'add_guid', *(f'ntkrnlmp.pdb/{build}' for build in later)]],
        [['nt/GUID', 'add_guid', '--binary', binary]],
        [['import', '--as', 'given/full', str(SCRATCH / 'full.json.gz')]],
        [['import', '--as', 'nt/GUID/bare', str(SCRATCH / 'bare.json.gz')]],
        [['build_all', '--retry']],
    ]


def objects(repository):
    files = (path for path in (repository / 'v1.0').rglob('*') if path.is_file() and not path.name.startswith('.'))
    return {str(path.relative_to(repository / 'v1.0')): path.read_bytes() for path in files}


def records(body):
    """What an inventory says of each profile, times aside."""
    inventory = json.loads(gzip.decompress(body))['$INVENTORY']
    for record in inventory.values():
        if not record.pop('LastModified') > 1e9:
            fail('a record without its time')
    return inventory


def is_index(record):
    return record.get('health') == 'index'


def check_present(what, repository, truth):
    """What is there is whole, and what is recorded is what an undisturbed builder records, wherever work was stopped."""
    known = records(truth['inventory.gz'])
    found = objects(repository)
    for key, body in found.items():
        if key == 'inventory.gz':
            for name, record in records(body).items():
                if not is_index(record) and record != known.get(name):
                    fail(what, 'record of', name, record, 'expected', known.get(name))
                if name + '.gz' not in found:
                    fail(what, 'lost', name)
        elif key.startswith('src/parts/') or key.startswith('src/imported/'):
            json.loads(body)
        elif key.endswith('.rejects.gz') or is_index(known.get(key[:-3], {})):
            json.loads(gzip.decompress(body))
        elif key.startswith('src/nt/guids.yaml'):
            if not body.decode().endswith('\n'):
                fail(what, key, 'is partial')
        elif truth.get(key) != body:
            fail(what, key, 'is not what it should be')


def check_equal(what, repository, truth):
    found, expected = objects(repository), dict(truth)
    ours, theirs = records(found.pop('inventory.gz')), records(expected.pop('inventory.gz'))
    if ours != theirs:
        fail(what, 'inventory differs:', [name for name in ours | theirs if ours.get(name) != theirs.get(name)])
    for key in sorted(found.keys() | expected.keys()):
        if found.get(key) != expected.get(key):
            fail(what, key, 'lost' if key not in found else 'left over' if key not in expected else 'differs')


def rebuilt(repository):
    """The bytes of the inventory that is rebuilt after a loss, where every profile has one time."""
    for path in (repository / 'v1.0').rglob('*.gz'):
        os.utime(path, (1_600_000_000, 1_600_000_000))
    (repository / 'v1.0/inventory.gz').unlink()
    run(repository, 'seal')
    return (repository / 'v1.0/inventory.gz').read_bytes()


class Pace:
    """How long each deed takes, by what was seen: moments to kill at are spread over all of it."""

    def __init__(self):
        self.longest = {}

    def delay(self, verb):
        return chance.uniform(0, self.longest.get(verb, 0.1))

    def learn(self, verb, at_work):
        self.longest[verb] = min(self.longest.get(verb, 0.1) * (1.08 if at_work else 0.95), 20)


def verb_of(words):
    return next(word for word in words if word in ('build', 'build_all', 'seal', 'add_guid', 'import'))


def main():
    deeds, began, pace = prepare(), time.monotonic(), Pace()
    undisturbed = SCRATCH / 'undisturbed'
    shutil.copytree(SCRATCH / 'source', undisturbed)
    for deed in deeds:
        for words in deed:
            run(undisturbed, *words)
    truth = objects(undisturbed)
    check_present('undisturbed', undisturbed, truth)
    killed, passes, seals = {}, 0, 0
    shards, whole, seal, *others = deeds
    while sum(killed.values()) < ROUNDS:
        passes += 1
        repository = SCRATCH / 'disturbed'
        shutil.rmtree(repository, ignore_errors=True)
        shutil.copytree(SCRATCH / 'source', repository)
        # Either shards make everything and a seal records it, or one builder does both; then come the others, in any order.
        *middle, last = others
        chance.shuffle(middle)
        for deed in [*([shards, seal] if passes % 2 else [whole]), *middle, last]:
            for _ in range(chance.randint(3, 8)):
                # All of a deed at once: the shards.
                children = []
                for words in deed:
                    children.append((words, subprocess.Popen(command(repository, *words), stdout=subprocess.DEVNULL,
                                                             stderr=subprocess.DEVNULL)))
                chance.shuffle(children)
                for words, child in children:
                    verb = verb_of(words)
                    time.sleep(pace.delay(verb))
                    child.send_signal(signal.SIGKILL)
                    at_work = child.wait() == -signal.SIGKILL
                    pace.learn(verb, at_work)
                    killed[verb] = killed.get(verb, 0) + at_work
                check_present(f'after {deed[0][0]}', repository, truth)
                # Whoever does not begin again seals what is there.
                if deed is not seal and chance.random() < 0.3:
                    run(repository, 'seal')
                    seals += 1
                    check_present(f'sealed after {deed[0][0]}', repository, truth)
            for words in deed:
                run(repository, *words)
        run(repository, 'seal')
        check_equal(f'pass {passes}', repository, truth)
        if passes == 1:
            reference = rebuilt(undisturbed)
        if rebuilt(repository) != reference:
            fail(f'pass {passes}: the rebuilt inventory differs from the undisturbed one')
        print(f'pass {passes}: {sum(killed.values())} killed at work', flush=True)
    told = ', '.join(f'{verb} {count}' for verb, count in sorted(killed.items()))
    print(f'{sum(killed.values())} processes killed at their work ({told}) in {passes} passes, {seals} seals after a kill, '
          f'{time.monotonic() - began:.0f} s: {len(truth)} objects, {len(records(truth["inventory.gz"]))} records; nothing '
          'lost, nothing partial, no record different, every rebuilt inventory equal to the undisturbed one byte for byte')


main()
