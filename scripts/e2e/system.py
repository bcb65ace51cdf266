"""What the other files of this folder need of the system: commands, packages, the place of the project."""

import os, subprocess

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


def run(*command, **options):
    return subprocess.run(command, check=True, **options)


def output(*command, **options):
    return run(*command, capture_output=True, text=True, **options).stdout


def install(*packages):
    """Installs those of the packages that are missing."""
    missing = [name for name in packages if subprocess.run(
        ['dpkg-query', '-W', '-f', '${Status}', name], capture_output=True, text=True).stdout != 'install ok installed']
    if not missing: return
    root = [] if os.geteuid() == 0 else ['sudo']
    run(*root, 'apt-get', 'update', '-qq')
    run(*root, 'apt-get', 'install', '-y', '-qq', '--no-install-recommends', *missing)
