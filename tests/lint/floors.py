#!/usr/bin/env python3
"""Includes point downward only, and third-party headers stay where they are.

floors.py ROOT [TABLE]
"""

import os
import re
import sys

import project

# What each floor may include; itself always.
BELOW = {
    "base": set(),
    "wire": {"base"},
    "config": {"wire", "base"},
    "dns": {"config", "wire", "base"},
    "redis": {"config", "wire", "base"},
    "fetch": {"config", "wire", "base"},
    "directory": {"fetch", "redis", "config", "wire", "base"},
    "policyd": {"directory", "fetch", "redis", "dns", "config", "wire", "base"},
    "milter": {"directory", "dns", "config", "wire", "base"},
    "ctl": {"directory", "fetch", "redis", "dns", "config", "wire", "base"},
}
PROGRAMS = ("policyd", "milter", "ctl")
# Third-party headers: pattern, and in how many .c files at most.
THIRD_PARTY = [
    (r"libmilter/", 2),
    (r"hiredis/", 1),
    (r"lmdb\.h$", 6),
    (r"spf2/", 1),
    (r"confuse\.h$", 1),
    (r"unbound(-event)?\.h$", 2),
    (r"event2?/|event\.h$", None),
    (r"openssl/", None),
    (r"uni(norm|case|str|types|conv|ctype)\.h$", None),
    (r"idn2\.h$", None),
    (r"jansson\.h$", None),
    (r"curl/", 2),
    (r"(open)?(ldap|lber)\.h$", 3),
    (r"systemd/", None),
]
INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*([<"])([^>"]+)[>"]', re.M)


def read_table(path):
    table = {}
    with open(path, encoding="utf-8") as file:
        for line in file:
            words = line.split("#")[0].split()
            if words:
                table[words[0]] = words[1]
    return table


def floor_of(path, table):
    """The floor of a file of ours; None for tests and the like."""
    parts = path.split("/")
    if parts[0] == "lib" and len(parts) > 2:
        return parts[1]
    if parts[0] in PROGRAMS:
        return parts[0]
    if parts[:2] == ["include", "backupmx"]:
        return table.get(parts[-1].removesuffix(".h"))
    return None


def resolve(includer, name, sources):
    """The file of ours that an include means, or None."""
    beside = os.path.normpath(os.path.join(os.path.dirname(includer), name))
    for path in (beside, "include/" + name, name):
        if path in sources:
            return path
    return None


def check_table(sources, table):
    headers = {os.path.basename(p).removesuffix(".h") for p in sources
               if p.startswith("include/backupmx/") and p.endswith(".h")}
    for name in sorted(headers - set(table)):
        yield f"include/backupmx/{name}.h: has no floor in floors.txt"
    for name in sorted(set(table) - headers):
        yield f"floors.txt: there is no include/backupmx/{name}.h"
    for path in sorted(sources):
        parts = path.split("/")
        name = parts[-1].removesuffix(".c")
        if (parts[0] == "lib" and len(parts) == 3 and path.endswith(".c")
                and table.get(name, parts[1]) != parts[1]):
            yield f"{path}: floors.txt says that it is of {table[name]}"


def check_include(path, line, name, sources, table):
    ours = floor_of(path, table)
    target = resolve(path, name, sources)
    where = f"{path}:{line}: "
    if name.startswith("backupmx/") and target is None:
        yield where + f"there is no {name}"
    if ours is None or target is None:
        return
    theirs = floor_of(target, table)
    if theirs is None:
        yield where + f"{ours} includes {target}, which is of no floor"
    elif theirs != ours and theirs not in BELOW.get(ours, set()):
        yield where + f"{ours} includes {target}, which is of {theirs}"


def check(root, table_path):
    table = read_table(table_path)
    sources = set(project.files(root, ".c", ".h"))
    users = [set() for _ in THIRD_PARTY]
    problems = list(check_table(sources, table))
    for path in sorted(sources):
        if path.startswith("tests/"):
            continue
        text = project.read(root, path)
        for found in INCLUDE.finditer(text):
            line = text.count("\n", 0, found.start(2)) + 1
            name = found.group(2)
            problems += check_include(path, line, name, sources, table)
            for i, (pattern, _) in enumerate(THIRD_PARTY):
                if not re.match(pattern, name):
                    continue
                users[i].add(path)
                if path.endswith(".h"):
                    problems.append(f"{path}:{line}: a header of ours "
                                    f"includes <{name}>")
    for (pattern, most), paths in zip(THIRD_PARTY, users):
        if most is not None and len(paths) > most:
            problems.append(f"{pattern}: in {len(paths)} files, at most "
                            f"{most}: {' '.join(sorted(paths))}")
    return problems, len(sources)


if __name__ == "__main__":
    here = os.path.dirname(os.path.abspath(__file__))
    project.finish(*check(sys.argv[1], sys.argv[2] if len(sys.argv) > 2
                          else os.path.join(here, "floors.txt")))
