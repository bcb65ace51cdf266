"""Packages of any release of Debian, from where this system has its own, without a change to the system."""

import os, re, urllib.error, urllib.request

from .system import output, run

KEYS = '/usr/share/keyrings/debian-archive-keyring.gpg'


class Suite:
    """The package lists of one suite of Debian's archive, such as `trixie-backports`, for one architecture, in a folder of
    their own."""

    def __init__(self, folder, name, architecture):
        self.root, self.name, self.architecture = folder, name, architecture
        self.folder = os.path.join(folder, 'suites', f'{name}-{architecture}')
        settings = os.path.join(self.folder, 'apt.conf')
        self.environment = {**os.environ, 'APT_CONFIG': settings, 'LC_ALL': 'C'}
        if os.path.exists(settings): return
        for part in ('lists/partial', 'cache/archives/partial', 'parts'): os.makedirs(f'{self.folder}/{part}', exist_ok=True)
        with open(f'{self.folder}/parts/suite.sources', 'w') as file:
            file.write(f'Types: deb\nURIs: {archive(name)}\nSuites: {name}\nComponents: main\n'
                       f'Architectures: {architecture}\nSigned-By: {KEYS}\n')
        written = ['Dir::Etc::SourceList "/dev/null";', f'Dir::Etc::SourceParts "{self.folder}/parts";',
                   f'Dir::State::Lists "{self.folder}/lists";', f'Dir::Cache "{self.folder}/cache";',
                   f'APT::Architecture "{architecture}";', f'APT::Architectures {{"{architecture}";}};', 'APT::Sandbox::User "root";']
        # The settings come last: where they are, the lists are whole.
        making = settings + '.making'
        with open(making, 'w') as file: file.write('\n'.join(written) + '\n')
        run('apt-get', '-qq', 'update', env={**self.environment, 'APT_CONFIG': making})
        os.replace(making, settings)

    def relatives(self):
        """The other suites of the same release of Debian that hold kernels."""
        release, _, part = self.name.partition('-')
        names = {'security': [release], 'backports': [f'{release}-security']}.get(part, [f'{release}-security'])
        return [Suite(self.root, name, self.architecture) for name in names]

    def names(self, pattern):
        """The names of the packages that match a pattern, those of the newest kernel last."""
        found = output('apt-cache', 'pkgnames', env=self.environment).split()
        return self.held(sorted((name for name in found if re.fullmatch(pattern, name)), key=numbers))

    def held(self, names):
        """Those of the names whose packages the suite really holds; the lists name others that depend on them."""
        if not names: return []
        said = output('apt-cache', 'policy', *names, env=self.environment)
        held = set(re.findall(r'^(\S+):\n  Installed: .*\n  Candidate: \d', said, re.M))
        return [name for name in names if name in held]

    def holds(self, name):
        """Whether a package can be downloaded: the lists also name files that the archive has dropped since."""
        if not self.held([name]): return False
        address = output('apt-get', '--print-uris', 'download', name, env=self.environment).split()[0].strip("'")
        if not address.startswith('http'): return True
        try: urllib.request.urlopen(urllib.request.Request(address, method='HEAD'), timeout=60).close()
        except urllib.error.HTTPError: return False
        return True

    def package(self, name, folder):
        """The file of a package, downloaded into the folder where it is missing there."""
        def here(): return [file for file in os.listdir(folder) if file.startswith(f'{name}_') and file.endswith('.deb')]
        if not here(): run('apt-get', '-qq', 'download', name, cwd=folder, env=self.environment)
        return os.path.join(folder, here()[0])


def numbers(name):
    """What sorts names by the numbers in them."""
    return [(int(part), '') if part.isdigit() else (-1, part) for part in re.findall(r'\d+|\D+', name)]


def archive(suite):
    """Where the packages of a suite lie: where this system has its own."""
    sources = output('apt-get', 'indextargets', '--format', '$(LABEL) $(REPO_URI)', 'Created-By: Packages')
    label = 'Debian-Security' if suite.endswith('-security') else 'Debian'
    found = re.search(rf'^{label} (\S+)$', sources, re.M)
    if not found: raise SystemExit(f'no source of packages with the label {label} on this system: {suite} cannot be asked')
    return found.group(1)
