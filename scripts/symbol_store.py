"""Symbol stores for the scripts that time and check manage_repo: real PDBs under invented identities."""
import pathlib, struct, uuid


def identity(pdb):
    """The places of the GUID (info stream, number 1) and of the age (DBI stream, 3) in a plain PDB, and its age."""
    if not pdb.startswith(b'Microsoft C/C++ MSF 7.00\r\n\x1aDS\0\0\0'):
        raise ValueError('a plain PDB is wanted')
    block, _, _, size, _, map_block = struct.unpack_from('<6I', pdb, 32)
    blocks = struct.unpack_from(f'<{-(-size // block)}I', pdb, map_block * block)
    directory = b''.join(pdb[at * block:(at + 1) * block] for at in blocks)
    count = struct.unpack_from('<I', directory)[0]
    sizes = struct.unpack_from(f'<{count}I', directory, 4)
    lengths = [0 if length == 0xffffffff else -(-length // block) for length in sizes]
    first = [struct.unpack_from('<I', directory, 4 + 4 * count + 4 * sum(lengths[:number]))[0] for number in (1, 3)]
    return first[0] * block + 12, first[1] * block + 8, struct.unpack_from('<I', pdb, first[1] * block + 8)[0]


class Store:
    """A folder laid out as a symbol store."""

    def __init__(self, root):
        self.root = pathlib.Path(root)

    def put(self, pdb, number, name):
        """Puts a PDB there under the identity that belongs to `number`; the build (GUID and age)."""
        at, _, age = identity(pdb)
        guid = uuid.uuid5(uuid.NAMESPACE_OID, str(number))
        build = f'{guid.hex.upper()}{age:X}'
        place = self.root / name / build
        place.mkdir(parents=True)
        with open(place / name, 'wb') as file:
            for part in (pdb[:at], guid.bytes_le, pdb[at + 16:]):
                file.write(part)
        return build


def guid_list(builds):
    """The text of a list: `builds` by PDB name."""
    return ''.join(f'{name}:\n' + ''.join(f"- '{build}'\n" for build in sorted(known)) for name, known in builds.items())
