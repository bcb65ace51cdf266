"""The guests: which kernel each runs, on which machine, and what it says of itself."""

import gzip, json, os, re, shutil, socket, subprocess, time
from typing import NamedTuple

# Symbols that the truth of a guest names; all are in the file `kallsyms.gz` beside it.
SYMBOLS = ('_text', '_stext', 'init_task', 'init_top_pgt', 'swapper_pg_dir', 'modules', 'linux_banner', 'init_uts_ns', 'phys_base',
           'page_offset_base', 'jiffies', 'sys_call_table')
CONSOLES = {'amd64': 'ttyS0', 'arm64': 'ttyAMA0', 'i386': 'ttyS0'}
EMULATORS = {'amd64': 'qemu-system-x86_64', 'arm64': 'qemu-system-aarch64', 'i386': 'qemu-system-i386'}
# How long a guest may take on a busy machine, in seconds.
PATIENCE = 3600
# The emulator fails kernels that patch themselves while they start, once in a dozen boots.
TRIES = 3


class Guest(NamedTuple):
    """The suite of Debian's archive, the series and the flavour of the kernel, the emulator's machine, and what is added to
    the kernel's command line."""
    suite: str
    series: str
    flavour: str
    machine: str
    command_line: str = ''

    @property
    def architecture(self): return 'arm64' if 'arm64' in self.flavour else 'amd64'


PLAIN = '-cpu qemu64 -m {memory}'
TWO = '-cpu Haswell -smp 2 -m {memory}'
FIVE = '-cpu max -m {memory}'
ARM = '-M virt -cpu cortex-a57 -smp 2 -m {memory}'


def amd64(suite, series, machine=PLAIN, command_line='', memory=160):
    return Guest(suite, series, 'cloud-amd64', machine.format(memory=memory), command_line)


def arm64(suite, series, flavour='cloud-arm64', machine=ARM, memory=192):
    return Guest(suite, series, flavour, machine.format(memory=memory))


GUESTS = {
    'kaslr': amd64('bookworm-security', '6.1', memory=128),
    'nokaslr': amd64('bookworm-security', '6.1', command_line='nokaslr', memory=128),
    'pti-smp': amd64('bookworm-security', '6.1', TWO, 'pti=on'),
    'la57': amd64('bookworm-security', '6.1', FIVE),
    # The memory above the hole that the devices below 4 GiB leave.
    'high': amd64('bookworm-security', '6.1', '-M pc,max-ram-below-4g=128M -cpu qemu64 -m 192'),
    'arm64': arm64('bookworm-security', '6.1'),
    '5.10': amd64('bullseye-security', '5.10'),
    '6.12-backport': amd64('bookworm-backports', '6.12'),
    '6.12': amd64('trixie-security', '6.12'),
    '6.12-pti-smp': amd64('trixie-security', '6.12', TWO, 'pti=on'),
    '6.12-arm64': arm64('trixie-security', '6.12'),
    # These have no debug packages.
    '6.16': amd64('trixie-backports', '6.16'),
    '6.17': amd64('trixie-backports', '6.17'),
    '6.18': amd64('trixie-backports', '6.18'),
    '6.19': amd64('trixie-backports', '6.19'),
    '7.0': amd64('trixie-backports', '7.0'),
    '7.1': amd64('trixie-backports', '7.1'),
    '7.2': amd64('trixie-backports', '7.2'),
    '7.3': amd64('trixie-backports', '7.3'),
    '7.3-nokaslr': amd64('trixie-backports', '7.3', command_line='nokaslr'),
    '7.3-pti-smp': amd64('trixie-backports', '7.3', TWO, 'pti=on'),
    '7.3-la57': amd64('trixie-backports', '7.3', FIVE),
    '7.3-arm64': arm64('trixie-backports', '7.3'),
    # Pages of 16 KiB.
    '7.3-arm64-16k': arm64('trixie-backports', '7.3', 'arm64-16k', '-M virt -cpu max,pauth-impdef=on -smp 2 -m {memory}', 256),
}
# The one whose memory is written in every other form too.
EVERY_FORM = 'kaslr'


class Monitor:
    """The emulator's machine protocol."""

    def __init__(self, path):
        for _ in range(600):
            try:
                self.socket = socket.socket(socket.AF_UNIX)
                self.socket.connect(path)
                break
            except OSError: time.sleep(0.1)
        self.lines = self.socket.makefile('r')
        self.lines.readline()
        self('qmp_capabilities')

    def __call__(self, command, **arguments):
        self.socket.sendall(json.dumps({'execute': command, 'arguments': arguments}).encode())
        while True:
            answer = json.loads(self.lines.readline())
            if 'error' in answer: raise SystemExit(f'{command}: {answer["error"]}')
            if 'return' in answer: return answer['return']

    def human(self, line): return self('human-monitor-command', **{'command-line': line})


class Lost(Exception):
    """The guest ended before it was ready."""


def boot(name, guest, kernel, folder, idle=False):
    """Boots a guest, waits for its truth, saves its memory."""
    for _ in range(TRIES - 1):
        try: return boot_once(name, guest, kernel, folder, idle)
        except Lost as error: print(f'{error}; once more', flush=True)
    try: return boot_once(name, guest, kernel, folder, idle)
    except Lost as error: raise SystemExit(error) from None


def boot_once(name, guest, kernel, folder, idle):
    os.makedirs(folder, exist_ok=True)
    work = os.path.join(folder, 'making')
    shutil.rmtree(work, ignore_errors=True)
    os.makedirs(work)
    kernel.unpack()
    emulator = [EMULATORS[guest.architecture], '-accel', 'tcg', *guest.machine.split(), '-nodefaults', '-display', 'none', '-no-reboot',
                '-device', 'vmcoreinfo', '-kernel', kernel.vmlinuz, '-initrd', kernel.initramfs(),
                '-append', f'console={CONSOLES[guest.architecture]} panic=-1 {guest.command_line}'.strip(),
                '-serial', f'file:{work}/serial', '-qmp', f'unix:{work}/monitor,server=on,wait=off']
    print(f'{name}: {kernel.release}: {" ".join(emulator)}', flush=True)
    started = time.time()
    running = subprocess.Popen([*(['chrt', '-i', '0'] if idle else ['nice', '-n', '10']), *emulator])
    try:
        monitor = Monitor(f'{work}/monitor')
        serial = listen(f'{work}/serial', running, name)
        monitor('stop')
        print(f'{name}: ready after {time.time() - started:.0f} s', flush=True)
        registers = monitor.human('info registers -a')
        regions = ram(monitor.human('info mtree -f'))
        monitor('dump-guest-memory', paging=False, protocol=f'file:{work}/core.elf')
        if name == EVERY_FORM:
            monitor('dump-guest-memory', paging=False, protocol=f'file:{work}/qemu.kdump', format='kdump-zlib')
        save(monitor, regions, work)
        monitor('quit')
        running.wait(60)
    finally:
        if running.poll() is None: running.kill()
    truth = parse(serial)
    with gzip.open(f'{work}/kallsyms.gz', 'wt') as file: file.write(truth.pop('all_symbols'))
    truth['release'] = kernel.release
    truth['registers'] = registers.splitlines()
    truth['ram'] = regions
    truth['emulator'] = emulator
    with open(f'{work}/serial', 'rb') as file, gzip.open(f'{work}/serial.gz', 'wb') as packed: shutil.copyfileobj(file, packed)
    os.remove(f'{work}/serial')
    with open(f'{work}/truth.json', 'w') as file: json.dump(truth, file, indent=1)
    # The truth comes last: where it stands the dumps are whole.
    for file in sorted(os.listdir(work), key=lambda file: file == 'truth.json'): os.replace(f'{work}/{file}', f'{folder}/{file}')
    os.rmdir(work)


def listen(path, running, name):
    """What the guest printed, once it has said that it is ready."""
    started = time.time()
    while True:
        ended = running.poll() is not None
        if os.path.exists(path):
            with open(path, 'rb') as file:
                file.seek(max(0, os.path.getsize(path) - 64))
                if b'\n@ end' in file.read():
                    file.seek(0)
                    return file.read().decode(errors='replace').replace('\r', '')
        if ended or time.time() - started > PATIENCE:
            if os.path.exists(path):
                with open(path, errors='replace') as file: print(file.read()[-3000:])
            raise Lost(f'{name}: the guest did not get ready')
        time.sleep(0.2)


def save(monitor, regions, work):
    """Writes `memory.raw`: what every device but RAM leaves out, so the file is as long as the highest RAM address, with
    holes."""
    with open(f'{work}/memory.raw', 'wb') as raw:
        for start, end in regions:
            part = f'{work}/part'
            monitor('pmemsave', val=start, size=end - start, filename=part)
            with open(part, 'rb') as file:
                position = start
                while chunk := file.read(1 << 20):
                    if chunk.count(0) != len(chunk):
                        raw.seek(position)
                        raw.write(chunk)
                    position += len(chunk)
            os.remove(part)
        raw.truncate(regions[-1][1])


def ram(tree):
    """The ranges of RAM that the guest can use, out of the emulator's flat view of physical memory."""
    view = next(part for part in tree.split('FlatView') if re.search(r'AS "memory"', part))
    found = [(int(start, 16), int(end, 16) + 1) for start, end, name in
             re.findall(r'([0-9a-f]{16})-([0-9a-f]{16}) \(prio -?\d+, ram\): (\S+)', view) if name in ('pc.ram', 'mach-virt.ram')]
    joined = []
    for start, end in sorted(found):
        if joined and start <= joined[-1][1]: joined[-1] = (joined[-1][0], max(end, joined[-1][1]))
        else: joined.append((start, end))
    return joined


def parse(serial):
    """What the guest said of itself."""
    said, processes = {}, {}
    body = serial.split('\n@ begin\n', 1)[1].split('\n@ end', 1)[0]
    for part in re.split(r'(?m)^@ ', body)[1:]:
        path, _, text = part.partition('\n')
        if found := re.fullmatch(r'/proc/(\d+)/(stat|status)', path):
            processes.setdefault(int(found.group(1)), {})[found.group(2)] = text
        else: said[path] = text
    rows = []
    for pid, files in sorted(processes.items()):
        status = dict(line.split(':\t', 1) for line in files['status'].splitlines() if ':\t' in line)
        fields = files['stat'].rpartition(')')[2].split()
        rows.append({'pid': pid, 'ppid': int(status['PPid']), 'comm': status['Name'], 'state': fields[0],
                     'uid': [int(x) for x in status['Uid'].split()], 'gid': [int(x) for x in status['Gid'].split()],
                     'threads': int(status['Threads']), 'starttime_ticks': int(fields[19]), 'kernel_thread': 'VmSize' not in status})
    def lines(path): return said.get(path, '').splitlines()
    symbols = said.get('/proc/kallsyms', '')
    # The symbols of modules carry the module's name in brackets.
    wanted = (line.split() for line in symbols.splitlines() if not line.endswith(']'))
    return {
        'version': lines('/proc/version')[0], 'cmdline': lines('/proc/cmdline')[0], 'iomem': lines('/proc/iomem'),
        'uptime': lines('/proc/uptime')[0], 'btime': next(int(line.split()[1]) for line in lines('/proc/stat') if line.startswith('btime')),
        'vmcoreinfo': lines('/sys/kernel/vmcoreinfo'),
        'kallsyms': {part[2]: '0x' + part[0] for part in wanted if len(part) == 3 and part[2] in SYMBOLS},
        'modules': [{'name': m[0], 'size': int(m[1]), 'state': m[4], 'address': m[5]} for m in (line.split() for line in lines('/proc/modules'))],
        'processes': rows,
        'all_symbols': symbols,
    }
