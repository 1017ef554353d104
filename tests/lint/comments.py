#!/usr/bin/env python3
"""Each function of a header has a doc comment directly above. comments.py ROOT

A heuristic over formatted sources: a declaration starts in the first column,
and ends at its ';' or '{'.
"""

import re
import sys

import project


def is_checked(path):
    return path.startswith(("include/backupmx/", "policyd/", "milter/"))


def declarations(lines):
    """(index of the first line, text) of what starts in the first column."""
    at = 0
    while at < len(lines):
        first = at
        if not re.match(r"[A-Za-z_]", lines[at]):
            at += 1
            continue
        text = lines[at]
        while at + 1 < len(lines) and not re.search(r"[;{]", text):
            at += 1
            text += "\n" + lines[at]
        at += 1
        yield first, text


def name_of(text):
    """The name of the function that text declares, or None."""
    head = text.split("{")[0].split("__attribute__")[0]
    found = re.search(r"(\w+)\s*\(", head)
    if not found or "=" in head[:found.start()]:
        return None
    if re.match(r"(typedef|static_assert|_Static_assert)\b", text):
        return None
    return found.group(1)


def has_comment(lines, first):
    at = first - 1
    if at < 0 or not lines[at].rstrip().endswith("*/"):
        return False
    while at >= 0 and "/*" not in lines[at]:
        at -= 1
    return at >= 0 and lines[at].startswith("/**")


def check(root):
    problems = []
    checked = 0
    for path in project.files(root, ".h"):
        if not is_checked(path):
            continue
        lines = project.read(root, path).split("\n")
        for first, text in declarations(lines):
            name = name_of(text)
            if name is None:
                continue
            checked += 1
            if not has_comment(lines, first):
                problems.append(f"{path}:{first + 1}: {name} has no doc "
                                "comment directly above")
    return problems, checked


if __name__ == "__main__":
    project.finish(*check(sys.argv[1]))
