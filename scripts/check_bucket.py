"""Shards of manage_repo in a bucket, killed and begun again, beside one undisturbed builder in a folder: every object
and the inventory have to be equal in the end, and whatever is there whole at any moment.

  check_bucket.py PROGRAM BUCKET SCRATCH        the environment names the server (scripts/check-bucket)"""
import gzip, json, os, pathlib, random, signal, subprocess, sys, time

import boto3

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from symbol_store import Store, guid_list

PROGRAM, BUCKET, SCRATCH = sys.argv[1], sys.argv[2], pathlib.Path(sys.argv[3])
ROOT = pathlib.Path(__file__).resolve().parent.parent
OURS = '9E4DF50D3AD3E3064C4C44205044422E1'
NOWHERE = '000000000000000000000000000000000'
PROFILES, SHARDS, ROUNDS = 120, 4, 6
CONFIG = '''nt/GUID:
  type: WindowsGUIDProfile
  guids: src/nt/guids.yaml
  has_structs: true
  profile_class: Nt
  transforms: {merge: [nt/undocumented]}
nt/undocumented: {type: CopyAndTransform, source: src/nt/undocumented.yaml}
'''
s3 = boto3.client('s3', endpoint_url=os.environ['AWS_ENDPOINT_URL'])
chance = random.Random(6)


def command(repository, *words):
    # The other verbs fetch nothing, and refuse the option.
    fetches = not set(words) & {'import', 'missing', 'plan', 'seal'}
    symbols = ['--symbol-path', str(SCRATCH / 'symbols')] if fetches else []
    return [PROGRAM, 'manage_repo', '--path_to_repository', str(repository), *symbols, '-q', *words]


def run(repository, *words, accepted=(0,)):
    done = subprocess.run(command(repository, *words), capture_output=True, text=True)
    if done.returncode not in accepted:
        sys.exit(f'{words}: exit code {done.returncode}\n{done.stderr}')


class Bucket:
    """The objects below a prefix."""

    def __init__(self, prefix, sources):
        self.prefix, self.place = prefix, f's3://{BUCKET}/{prefix}'
        for name, text in sources.items():
            s3.put_object(Bucket=BUCKET, Key=f'{prefix}/{name}', Body=text.encode())

    def objects(self):
        found = {}
        for page in s3.get_paginator('list_objects_v2').paginate(Bucket=BUCKET, Prefix=self.prefix + '/'):
            for entry in page.get('Contents', []):
                body = s3.get_object(Bucket=BUCKET, Key=entry['Key'])['Body'].read()
                found[entry['Key'][len(self.prefix) + 1:]] = body
        return found


def of_folder(root):
    files = (path for path in root.rglob('*') if path.is_file() and not path.name.startswith('.'))
    return {str(path.relative_to(root)): path.read_bytes() for path in files}


def told(objects):
    """Inventory and rejects by what they say, times aside; everything else by its bytes."""
    found = dict(objects)
    inventory = json.loads(gzip.decompress(found.pop('inventory.gz')))
    for record in inventory['$INVENTORY'].values():
        if not record.pop('LastModified') > 1e9:
            sys.exit('a record without its time')
    found['inventory'] = inventory
    return found


def check(name, objects, truth):
    objects, truth = told(objects), told(truth)
    for key in sorted(objects.keys() | truth.keys()):
        if objects.get(key) != truth.get(key):
            sys.exit(f'{name}: {key} differs ({"lost" if key not in objects else "more" if key not in truth else "other"})')
    print(f'{name}: {len(truth)} objects equal, {len(truth["inventory"]["$INVENTORY"])} profiles in the inventory', flush=True)


def check_present(name, objects, truth):
    """What is there is whole, wherever its writer was stopped."""
    for key, body in objects.items():
        if key.startswith('src/parts/'):
            json.loads(body)
        elif key == 'inventory.gz' or key.endswith('.rejects.gz'):
            json.loads(gzip.decompress(body))
        elif truth[key] != body:
            sys.exit(f'{name}: {key} is not what it should be')


def kill(child):
    """Whether it was still at work."""
    child.send_signal(signal.SIGKILL)
    return child.wait() == -signal.SIGKILL


def start(repository, *words):
    return subprocess.Popen(command(repository, *words), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


# The store, and what one builder makes of it in a folder.
(SCRATCH / 'pdb').mkdir()
subprocess.run([PROGRAM, 'fetch_pdb', 'ntkrnlmp.pdb', OURS, '--symbol-path', str(ROOT / 'testdata/kernel/store'), '-D',
                str(SCRATCH / 'pdb'), '-q'], check=True, stdout=subprocess.DEVNULL)
pdb = next(path for path in (SCRATCH / 'pdb').rglob('ntkrnlmp.pdb') if path.is_file()).read_bytes()
store = Store(SCRATCH / 'symbols')
builds = [store.put(pdb, number, 'ntkrnlmp.pdb') for number in range(PROFILES)] + [NOWHERE]
sources = {'config.yaml': CONFIG, 'src/nt/guids.yaml': guid_list({'ntkrnlmp.pdb': builds}),
           'src/nt/undocumented.yaml': '$STRUCTS: {_X: [8, {a: [0, [unsigned int]]}]}\n'}
folder = SCRATCH / 'folder/v1.0'
for name, text in sources.items():
    (folder / name).parent.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text(text)
run(SCRATCH / 'folder', 'build_all', accepted=(1,))
truth = of_folder(folder)

# Undisturbed shards, all at once.
bucket = Bucket('shards', sources)
began = time.monotonic()
children = [start(bucket.place, 'build', '--shard', f'{number}/{SHARDS}') for number in range(1, SHARDS + 1)]
if any(child.wait() not in (0, 1) for child in children):
    sys.exit('a shard failed')
whole = time.monotonic() - began
run(bucket.place, 'seal')
check(f'{SHARDS} shards at once', bucket.objects(), truth)

# Killed at moments all over their work, and begun again; the last time to their end. One shard twice at once.
bucket = Bucket('killed', sources)
killed = 0
for _ in range(ROUNDS):
    children = [start(bucket.place, 'build', '--shard', f'{number}/{SHARDS}') for number in [*range(1, SHARDS + 1), 1]]
    for child in chance.sample(children, len(children)):
        time.sleep(chance.uniform(0, whole / 6))
        killed += kill(child)
    check_present('killed shards', bucket.objects(), truth)
children = [start(bucket.place, 'build', '--retry', '--shard', f'{number}/{SHARDS}') for number in [*range(1, SHARDS + 1), 2]]
if any(child.wait() not in (0, 1) for child in children):
    sys.exit('a shard failed')
notes = sum(name.startswith('src/parts/') for name in bucket.objects())

# The seal is killed as well, and is done by two at once in the end.
sealing = 0
began = time.monotonic()
run(bucket.place, 'plan')
step = (time.monotonic() - began) / 8
for number in range(2 * 8):
    child = start(bucket.place, 'seal')
    time.sleep(number * step)
    sealing += kill(child)
    check_present('killed seals', bucket.objects(), truth)
children = [start(bucket.place, 'seal') for _ in range(2)]
if any(child.wait() for child in children):
    sys.exit('a seal failed')
check(f'{killed} shards and {sealing} seals killed, {notes} notes', bucket.objects(), truth)
if killed < ROUNDS or sealing < 3:
    sys.exit('too few were at work when they were killed')

# Two builders of everything at once, and nothing to do afterwards.
bucket = Bucket('twice', sources)
children = [start(bucket.place, 'build_all') for _ in range(2)]
if any(child.wait() not in (0, 1) for child in children):
    sys.exit('a builder failed')
check('two builders at once', bucket.objects(), truth)
before = bucket.objects()
run(bucket.place, 'build_all')
if bucket.objects() != before:
    sys.exit('a second run changed something')
print('a second run changes nothing')
