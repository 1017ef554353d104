#!/usr/bin/env python3
"""The manual lists what doctor can find. rows_test.py BACKUPMXCTL MANUAL [--write]

Between the two comment lines of the manual stands what `doctor --rows` says,
one item a row; with --write it is put there.
"""
import json
import subprocess
import sys

BEGIN = '.\\" What follows is written by tests/ctl/rows_test.py.\n'
END = '.\\" What tests/ctl/rows_test.py wrote ends here.\n'


def rows(program):
    said = subprocess.run([program, "doctor", "--rows", "--json"],
                          capture_output=True, text=True, check=True)
    return json.loads(said.stdout)["rows"]


def text_lines(text):
    """Sentences, one a line, as mdoc wants them; nothing is a request."""
    text = text.replace("\\", "\\e").replace(". ", ".\n")
    return ["\\&" + line if line[:1] in (".", "'") else line
            for line in text.split("\n")]


def item(row):
    yield f".It Ic {row['row']} Pq {row['severity']}"
    yield from text_lines(row["why"])
    yield from text_lines(row["advice"])


def section(all_rows):
    lines = [".Bl -tag -width Ds"]
    for row in all_rows:
        lines += item(row)
    lines.append(".El")
    return "\n".join(lines) + "\n"


def names_of(text):
    return [line.split()[2] for line in text.split("\n")
            if line.startswith(".It Ic ")]


def main(args):
    if len(args) not in (3, 4):
        sys.exit(__doc__)
    wanted = section(rows(args[1]))
    with open(args[2], encoding="utf-8") as file:
        page = file.read()
    before, begin, rest = page.partition(BEGIN)
    found, end, after = rest.partition(END)
    if not begin or not end:
        sys.exit(f"{args[2]}: the comment lines around the rows are missing")
    if args[3:] == ["--write"]:
        with open(args[2], "w", encoding="utf-8") as file:
            file.write(before + begin + wanted + end + after)
        return 0
    if found == wanted:
        print(f"{len(names_of(wanted))} rows are in the manual")
        return 0
    for name in sorted(set(names_of(wanted)) ^ set(names_of(found))):
        print(f"{name}: in the tables or in the manual alone")
    print(f"{args[2]}: not what doctor --rows says; {args[0]} BACKUPMXCTL "
          "MANUAL --write mends it")
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv))
