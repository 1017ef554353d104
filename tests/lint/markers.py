#!/usr/bin/env python3
"""No file puts work off with a marker. markers.py ROOT"""

import re
import sys

import project

# Written in parts, so that this file holds none. The corpora are input.
MARKER = re.compile(r"\b(" + "|".join(
    a + b for a, b in (("TO", "DO"), ("FIX", "ME"), ("X", "XX"))) + r")\b")


def check(root):
    problems = []
    paths = [p for p in project.files(root)
             if not p.startswith("tests/fuzz/corpus/")]
    for path in paths:
        for i, line in enumerate(project.read(root, path).split("\n")):
            found = MARKER.search(line)
            if found:
                problems.append(f"{path}:{i + 1}: {found.group()}")
    return problems, len(paths)


if __name__ == "__main__":
    project.finish(*check(sys.argv[1]))
