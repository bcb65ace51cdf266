"""The offsets of members over a whole repository as a pandas table: offsets.py REPOSITORY STRUCT.MEMBER..."""

import sys

import pandas

import rekall_profile


def table(place: str, members: list[str], folder: str = "") -> pandas.DataFrame:
    """A row for each profile that has one of the members. Offsets of members that a profile does not have are missing."""
    repository = rekall_profile.Repository(place)
    rows = {}
    for name in repository.names(folder):
        try:
            profile = repository.open(name)
        except rekall_profile.Error:
            continue  # an index, or a profile that is damaged
        row = {}
        for member in members:
            try:
                row[member] = profile.member(member).offset
            except rekall_profile.NotFound:
                pass
        if row:
            rows[name] = row
    frame = pandas.DataFrame.from_dict(rows, orient="index", columns=members)
    return frame.astype("Int64").rename_axis("profile")


if __name__ == "__main__":
    print(table(sys.argv[1], sys.argv[2:]).to_string())
