"""The program under test, and what it reads in an image compared with what the guest said of itself."""

import copy, gzip, json, os, subprocess, time

from .system import ROOT, run


class Program:
    """The program under test with a profile of a kernel."""

    def __init__(self, folder, kernel, keep_debug=False):
        self.path, self.release = binary(), kernel.release
        self.profile = f'{folder}/profiles/{kernel.release}-{kernel.architecture}.json.gz'
        if not os.path.exists(self.profile):
            os.makedirs(f'{folder}/profiles', exist_ok=True)
            kernel.debug()
            run(self.path, 'parse_dwarf', kernel.vmlinux, '--system-map', kernel.system_map, '--quiet', '-o', self.profile)
        if not keep_debug: kernel.forget_debug()

    def claiming(self, other):
        """This profile under the identity of another one, so that what it holds has to give it away."""
        claimed = copy.copy(self)
        claimed.profile = self.profile.replace('.json.gz', '.claiming.json.gz')
        with gzip.open(self.profile) as file: ours = json.load(file)
        with gzip.open(other.profile) as file: theirs = json.load(file)
        ours['$METADATA'] = theirs['$METADATA']
        with gzip.open(claimed.profile, 'wt', compresslevel=1) as file: json.dump(ours, file)
        return claimed

    def __call__(self, command, image):
        """The report of a command as JSON, its exit code, what it wrote beside it."""
        done = subprocess.run([self.path, command, '--json', '--quiet', '-f', image, '--profile', self.profile],
                              capture_output=True, text=True)
        try: return json.loads(done.stdout), done.returncode, done.stderr.strip()
        except ValueError: return {}, done.returncode, done.stderr.strip()


def binary():
    """The program: the one that `REKALL_PROFILE` names, else one that is built here."""
    if path := os.environ.get('REKALL_PROFILE'): return path
    run('cargo', 'build', '--release', '--quiet', '-p', 'rekall-profile-cli', cwd=ROOT)
    return os.path.join(os.environ.get('CARGO_TARGET_DIR', os.path.join(ROOT, 'target')), 'release/rekall-profile')


def worker(name): return name.startswith('kworker/')


def same_name(found, said):
    """Whether the name of a task is the one in /proc, which knows the whole of a kernel thread's and appends the queue to
    that of a worker."""
    return found == said[:15] or worker(said) and said.startswith((f'{found}-', f'{found}+'))


def compare(program, image, truth):
    """What differs between the image and what the guest said of itself, and a line about the verdict."""
    started = time.time()
    report, code, errors = program('validate', image)
    said = f'{report.get("verdict")}, {report.get("passed")} passed, {report.get("skipped")} not made, {time.time() - started:.1f} s'
    wrong = []
    if report.get('verdict') != 'match' or code: wrong.append(f'validate: {report.get("verdict")}, exit code {code}: {errors[-500:]}')
    wrong += [f'validate: {check["group"]}: {check["name"]}: {check["actual"]} instead of {check["expected"]}'
              for check in report.get('checks', []) if check['result'] not in ('passed', 'skipped')]
    return wrong + processes(program, image, truth) + modules(program, image, truth), said


def processes(program, image, truth):
    """How the list of processes differs from /proc."""
    wrong = []
    report, code, errors = program('pslist', image)
    if code or 'processes' not in report: return [f'pslist: exit code {code}: {errors[-500:]}']
    ours, theirs = {row['pid']: row for row in report['processes']}, {row['pid']: row for row in truth['processes']}
    # The idle task has no place in /proc.
    ours.pop(0, None)
    if list(ours) != sorted(ours): wrong.append('pslist: not in the order of their numbers, which is that of their start')
    for pid in sorted(ours.keys() | theirs.keys()):
        row, said = ours.get(pid), theirs.get(pid)
        if row is None or said is None:
            # The kernel starts and ends these as it likes, also while the guest prints.
            if not worker((row or said).get('name') or said['comm']): wrong.append(f'process {pid}: {row} in the image, {said} in /proc')
            continue
        if not same_name(row['name'], said['comm']): wrong.append(f'process {pid}: name {row["name"]}, /proc says {said["comm"]}')
        for what, found, wanted in (
                ('parent', row['ppid'], said['ppid']), ('user', row['uid'], said['uid'][0]),
                ('group', row['gid'], said['gid'][0]), ('threads', row['threads'], said['threads']),
                ('start', row['nanoseconds_after_boot'] // 10_000_000, said['starttime_ticks']),
                ('tables', row['dtb'] is None, said['kernel_thread'])):
            if found != wanted: wrong.append(f'process {pid} {said["comm"]}: {what} {found}, /proc says {wanted}')
    return wrong


def modules(program, image, truth):
    """How the list of modules differs from /proc/modules, which leaves out those that were unloaded."""
    report, code, errors = program('modules', image)
    if code or 'modules' not in report: return [f'modules: exit code {code}: {errors[-500:]}']
    ours = [(row['name'], row['base'], row['size']) for row in report['modules']]
    theirs = [(row['name'], int(row['address'], 16), row['size']) for row in truth['modules']]
    return [] if ours == theirs else [f'modules: {ours}, /proc says {theirs}']


def refuse(program, image):
    """Gives an image the profile of a neighbouring build: what is wrong with the verdict, and a line about it."""
    started = time.time()
    report, code, errors = program('validate', image)
    failed = [f'{check["group"]}: {check["name"]}' for check in report.get('checks', []) if check['result'] not in ('passed', 'skipped')]
    given_away = report.get('suspects') or failed
    said = f'{report.get("verdict")}, {len(failed)} failed, {time.time() - started:.1f} s: {"; ".join(given_away[:4])}'
    wrong = []
    if report.get('verdict') != 'mismatch' or code != 1: wrong.append(f'validate with {program.release}: {report.get("verdict")}, exit code {code}: {errors[-500:]}')
    if not failed: wrong.append(f'validate with {program.release} names nothing that gave it away')
    return wrong, said
