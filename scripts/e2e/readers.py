"""Other programs that read the dumps: what the script writes itself is proved by them."""

import json, os, re, shutil, subprocess, sys, time

from .program import same_name, worker
from .system import install, run


class Crash:
    """The kernel developers' own reader. Its `ps` finds only the idle task on these kernels; the lists themselves it
    follows as it is told."""
    files = ('core.elf', 'qemu.kdump', 'qemu.zlib', 'vmcore', 'vmcore.zlib', 'vmcore.lzo', 'vmcore.zstd', 'vmcore.snappy', 'vmcore.plain',
             'vmcore.filtered', 'vmcore.flat', 'memory.vmss', 'state.vmsn')
    zombies = True

    def __init__(self, folder, kernel, program):
        install('crash')
        self.vmlinux = kernel.vmlinux
        with open(kernel.system_map) as file: self.linked = next(int(line.split()[0], 16) for line in file if line.endswith(' _text\n'))

    def __call__(self, image, truth):
        shifts = []
        if image.endswith(('.vmss', '.vmsn')):
            # It finds both shifts in these, and applies one of them twice.
            text = int(truth['kallsyms']['_text'], 16)
            physical = next(int(line.split('-')[0], 16) for line in truth['iomem'] if line.endswith(': Kernel code'))
            base = (physical - (text - 0xffffffff80000000)) & 0xffffffffffffffff
            shifts = [f'--kaslr={text - self.linked:#x}', '-m', f'phys_base={base:#x}']
        asked = 'list -o task_struct.tasks -s task_struct.pid,comm -h init_task\nmod\nquit\n'
        said = subprocess.run(['crash', '-s', *shifts, self.vmlinux, image], input=asked, capture_output=True, text=True, errors='replace').stdout
        tasks = re.findall(r'pid = (\d+),\s+comm = "([^"]*)"', said)
        modules = re.findall(r'^[0-9a-f]{16}  (\S+) +([0-9a-f]{16}) +(\d+) ', said, re.M)
        return ({int(pid): name.replace('\\000', '') for pid, name in tasks},
                [(name, int(base, 16), int(size)) for name, base, size in modules])


class Drgn:
    """The debugger that reads kdumps through libkdumpfile."""
    # It wants the machine's name in the header of a kdump, which QEMU leaves empty.
    files = ('core.elf', 'vmcore', 'vmcore.zlib', 'vmcore.lzo', 'vmcore.zstd', 'vmcore.snappy', 'vmcore.plain', 'vmcore.filtered', 'vmcore.flat')
    zombies = True
    script = """
import json, sys, drgn
from drgn.helpers.linux.list import list_for_each_entry
from drgn.helpers.linux.pid import for_each_task
program = drgn.Program()
program.set_core_dump(sys.argv[1])
program.load_debug_info([sys.argv[2]])
tasks = {task.pid.value_(): task.comm.string_().decode() for task in for_each_task(program) if task.pid == task.tgid}
modules = [(module.name.string_().decode(), module.core_layout.base.value_(), module.core_layout.size.value_())
           for module in list_for_each_entry('struct module', program['modules'].address_of_(), 'list')]
json.dump([tasks, modules], sys.stdout)
"""

    def __init__(self, folder, kernel, program):
        self.python, self.vmlinux = python(folder), kernel.vmlinux

    def __call__(self, image, truth):
        done = subprocess.run([self.python, '-c', self.script, image, self.vmlinux], capture_output=True, text=True)
        if done.returncode: raise ValueError(done.stderr.strip()[-300:])
        tasks, modules = json.loads(done.stdout)
        return {int(pid): name for pid, name in tasks.items()}, [tuple(module) for module in modules]


class Volatility:
    """Volatility 3, with our table of symbols."""
    files = ('memory.raw', 'core.elf', 'memory.lime', 'memory.vmem', 'memory.vbox')
    # It leaves out what has ended.
    zombies = False

    def __init__(self, folder, kernel, program):
        self.python, self.folder = python(folder), folder
        os.makedirs(f'{folder}/cache', exist_ok=True)
        shutil.rmtree(f'{folder}/symbols', ignore_errors=True)
        run(program.path, 'export', program.profile, '--quiet', '--format', 'isf', '--symbols-dir', f'{folder}/symbols')

    def plugin(self, image, name):
        code = 'import sys; from volatility3.cli import main; sys.argv[0] = "vol"; main()'
        done = subprocess.run([self.python, '-c', code, '-q', '--offline', '--cache-path', f'{self.folder}/cache', '-s', f'{self.folder}/symbols',
                               '-r', 'json', '-f', image, name], capture_output=True, text=True)
        try: return json.loads(done.stdout)
        except ValueError: raise ValueError(f'{name}: {done.stderr.strip()[-300:]}') from None

    def __call__(self, image, truth):
        tasks = {row['PID']: row['COMM'] for row in self.plugin(image, 'linux.pslist')}
        return tasks, [(row['Module Name'], None, None) for row in self.plugin(image, 'linux.lsmod')]


def python(folder):
    """A Python that has Volatility 3 and drgn."""
    if python := os.environ.get('READERS'): return python
    python = f'{folder}/venv/bin/python'
    if not os.path.exists(python):
        run(sys.executable, '-m', 'venv', f'{folder}/venv')
        run(python, '-m', 'pip', 'install', '--quiet', 'volatility3', 'drgn')
    return python


def others(kernel, folder, name, program):
    """Compares what other programs find in the dumps of a guest with its truth; how many do not agree."""
    with open(f'{folder}/{name}/truth.json') as file: truth = json.load(file)
    failures = 0
    for kind in (Crash, Drgn, Volatility):
        reader = kind(folder, kernel, program)
        for file in kind.files:
            if not os.path.exists(f'{folder}/{name}/{file}'): continue
            wrong, started = [], time.time()
            try: tasks, modules = reader(f'{folder}/{name}/{file}', truth)
            except ValueError as error: tasks, modules, wrong = {}, [], [str(error)]
            tasks.pop(0, None)
            said = {row['pid']: row['comm'] for row in truth['processes'] if reader.zombies or row['state'] != 'Z'}
            for pid in sorted(tasks.keys() | said.keys()):
                theirs, wanted = tasks.get(pid), said.get(pid)
                if theirs is None or wanted is None: same = worker(theirs or wanted)
                else: same = same_name(theirs, wanted)
                if not same: wrong.append(f'process {pid}: {theirs}, /proc says {wanted}')
            wanted = [(row['name'], int(row['address'], 16), row['size']) for row in truth['modules']]
            if modules and modules[0][1] is None: wanted = [(name_, None, None) for name_, _, _ in wanted]
            if sorted(modules, key=str) != sorted(wanted, key=str): wrong.append(f'modules: {modules}, /proc says {wanted}')
            print(f'{kind.__name__.lower()}, {name}/{file}: ' + ('not as the guest says' if wrong else f'as the guest says: {len(tasks)} processes, {len(modules)} modules'),
                  f'({time.time() - started:.1f} s)', flush=True)
            for line in wrong[:20]: print('  ' + line)
            failures += bool(wrong)
    return failures
