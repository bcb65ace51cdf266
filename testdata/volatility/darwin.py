"""Puts the wording of Darwin's dwarfdump (Mac OS X 10.5 to 10.12) over a text of llvm-dwarfdump."""
import re
import sys

for line in sys.stdin:
    entry = re.match(r"(0x[0-9a-f]{8}:)( *)DW_TAG_(\w+)$", line)
    attribute = re.match(r"( *)DW_AT_(\w+)\t\((.*)\)$", line)
    if entry:
        level = (len(entry[2]) - 1) // 2
        print(f"{entry[1]}{' ' * (4 * level + 1)}TAG_{entry[3]} [1] *")
    elif line.startswith("0x") and "Compile Unit:" in line:
        print(line.rstrip().replace(", ", "  ").replace("format = DWARF32  ", "").replace("next unit", "next CU"))
    elif attribute:
        name, value = attribute[2], attribute[3]
        reference = re.match(r'0x([0-9a-f]+) "(.*)"$', value)
        if reference:
            value = f"{{0x{reference[1]}}} ( {reference[2]} )"
        elif name == "data_member_location":
            value = f"+{int(value, 0)}"
        print(f"{' ' * 17}AT_{name}( {value} )")
    else:
        print(line, end="")
