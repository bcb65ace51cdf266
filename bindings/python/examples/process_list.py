"""The processes of a memory image: process_list.py IMAGE PROFILE"""

import sys

import rekall_profile


def lines(image: str, profile: str) -> list[str]:
    """A line for each process. Names come from the image, so they are escaped."""
    rows = rekall_profile.Image.open(image).pslist(rekall_profile.Profile.open(profile))
    return [f"{row.pid:6} {row.name!a}" for row in rows]


if __name__ == "__main__":
    print("\n".join(lines(sys.argv[1], sys.argv[2])))
