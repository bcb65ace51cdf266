"""A kernel of Debian's archive, its debug file, and the file system that its guests start with."""

import lzma, os, re, shutil, subprocess

from .archive import numbers
from .system import ROOT, output, run

# Loaded in this order: `stp` needs `llc`, so that one module names another as its source. The last one lets the emulator
# write the kernel's VMCOREINFO into its dumps.
LOADED = ('llc', 'stp', 'dummy', 'tun', 'veth', 'qemu_fw_cfg')
# Loaded and taken out again: what is left of them in memory must not count.
UNLOADED = ('ifb', 'nlmon')
COMPILERS = {'amd64': 'gcc', 'arm64': 'aarch64-linux-gnu-gcc', 'i386': 'gcc'}


class Kernel:
    """The newest kernel of a suite whose release starts with `series` and ends with `flavour`; the newest that has a debug
    file, if one has."""

    def __init__(self, folder, suite, series, flavour, release=None):
        self.suite, self.series, self.flavour, self.architecture = suite, series, flavour, suite.architecture
        self.root, self.release = folder, release
        if not release:
            releases = self.releases(re.escape(series))[::-1]
            self.release = next((found for found in releases if suite.holds(debug_package(found))), releases[0])
        self.folder = os.path.join(folder, 'kernels', f'{self.release}-{self.architecture}')
        os.makedirs(self.folder, exist_ok=True)

    def releases(self, series, suite=None):
        """The releases of a series (a pattern) that a suite offers, oldest first. From 6.19 on `linux-image-*` is an empty
        package, and the kernel is in `linux-binary-*`."""
        pattern = rf'linux-(?:image|binary)-({series}\.\d\S*?-{self.flavour})'
        found = {re.fullmatch(pattern, name).group(1) for name in (suite or self.suite).names(pattern)}
        if not found and not suite: raise SystemExit(f'{self.suite.name} has no kernel {self.series} of the flavour {self.flavour}')
        return sorted(found, key=numbers)

    def unpack(self):
        """Downloads and unpacks the kernel with its modules, as far as the archive has them."""
        done = f'{self.folder}/unpacked'
        if os.path.exists(done): return
        names = self.suite.held([f'linux-{part}-{self.release}' for part in ('binary', 'modules')])
        if not any('-binary-' in name for name in names): names.append(f'linux-image-{self.release}')
        for name in names: run('dpkg', '-x', self.suite.package(name, self.folder), self.folder)
        with open(done, 'w'): pass

    @property
    def vmlinuz(self):
        places = (f'boot/vmlinuz-{self.release}', f'usr/lib/modules/{self.release}/vmlinuz')
        return next(f'{self.folder}/{place}' for place in places if os.path.exists(f'{self.folder}/{place}'))

    @property
    def vmlinux(self): return f'{self.folder}/debug/vmlinux'

    @property
    def system_map(self): return f'{self.folder}/debug/System.map'

    def has_debug(self): return self.suite.holds(debug_package(self.release))

    def neighbour(self):
        """The nearest kernel that has a debug file: the one before this one of the same series, else the one after, else one
        of another series; None where there is none."""
        places = [self.suite, *self.suite.relatives()]
        for series in (re.escape(self.series), r'\d+\.\d+'):
            for suite in places:
                releases = self.releases(series, suite)
                before = [found for found in releases if numbers(found) < numbers(self.release)]
                after = [found for found in releases if numbers(found) > numbers(self.release)]
                for release in before[::-1] + after:
                    kernel = Kernel(self.root, suite, self.series, self.flavour, release)
                    if kernel.has_debug(): return kernel
        return None

    def debug(self):
        """Brings the debug file and the symbol map."""
        if os.path.exists(self.vmlinux): return
        package, place = self.suite.package(debug_package(self.release), self.folder), f'{self.folder}/debug'
        shutil.rmtree(place, ignore_errors=True)
        os.makedirs(place)
        if self.suite.held([f'linux-binary-{self.release}']):
            names = [f'./usr/lib/debug/lib/modules/{self.release}/{name}' for name in ('vmlinux', 'System.map')]
        else:
            names = [f'./usr/lib/debug/boot/{name}-{self.release}' for name in ('vmlinux', 'System.map')]
        # The reader stops behind the second of them, which leaves the writer with a broken pipe.
        tar = subprocess.Popen(['dpkg', '--fsys-tarfile', package], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        run('tar', 'x', '--occurrence=1', '-C', place, *names, stdin=tar.stdout)
        tar.stdout.close()
        tar.wait()
        os.remove(package)
        for name, target in zip(names, (self.vmlinux, self.system_map)): os.replace(f'{place}/{name}', target)

    def forget_debug(self):
        """Removes the debug file, which is large."""
        shutil.rmtree(f'{self.folder}/debug', ignore_errors=True)

    def module(self, name):
        """The content of a module's file; None where the kernel has no such module."""
        for place in ('lib', 'usr/lib'):
            root = f'{self.folder}/{place}/modules'
            if not os.path.isdir(root): continue
            for found in output('find', root, '-name', f'{name}.ko', '-o', '-name', f'{name}.ko.xz').split():
                with (lzma.open if found.endswith('.xz') else open)(found, 'rb') as file: return file.read()
        return None

    def initramfs(self):
        """A file system with our program and the modules, as the kernel takes it (cpio, newc)."""
        program = f'{self.folder}/init'
        narrow = ['-m32'] if self.architecture == 'i386' else []
        run(COMPILERS[self.architecture], *narrow, '-O1', '-static', '-pthread', '-o', program, f'{ROOT}/testdata/guest/init.c')
        entries = [('dev', 0o40755, b'', (0, 0)), ('dev/console', 0o20600, b'', (5, 1)), ('modules', 0o40755, b'', (0, 0)),
                   ('unloaded', 0o40755, b'', (0, 0))]
        with open(program, 'rb') as file: entries.append(('init', 0o100755, file.read(), (0, 0)))
        for place, names in (('modules', LOADED), ('unloaded', UNLOADED)):
            for number, name in enumerate(names):
                content = self.module(name)
                if content is not None: entries.append((f'{place}/{number}-{name}.ko', 0o100644, content, (0, 0)))
        path = f'{self.folder}/initramfs'
        with open(path, 'wb') as file: file.write(cpio(entries))
        return path


def debug_package(release): return f'linux-image-{release}-dbg'


def cpio(entries):
    """An archive of (name, mode, content, device), as the kernel takes its first file system."""
    archive = bytearray()
    for number, (name, mode, content, device) in enumerate(entries + [('TRAILER!!!', 0, b'', (0, 0))], 1):
        name = name.encode() + b'\0'
        fields = (number, mode, 0, 0, 1, 0, len(content), 0, 0, *device, len(name), 0)
        archive += b'070701' + b''.join(b'%08X' % field for field in fields) + name
        archive += bytes(-len(archive) % 4) + content
        archive += bytes(-len(archive) % 4)
    return archive
