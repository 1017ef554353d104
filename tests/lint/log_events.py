#!/usr/bin/env python3
"""docs/log.md has every event that the daemons log, every key, every reason of
policyd, and no others.

log_events.py ROOT
"""

import re
import sys

import project

# Functions that write a line, and which of their arguments is the event.
WRITERS = {
    "bmx_log_begin": 3,
    "bmx_log_begin_id": 4,
    "bmx_log_error": 2,
    "bmx_daemon_log_event": 2,  # policyd/daemon.c hands it on
    "warn": 1,                  # milter/callbacks.c does
}
# Where an event is a parameter, whose callers are in the table above.
FORWARD = {"policyd/daemon.c": "event", "milter/callbacks.c": "event"}
CALL = re.compile(r"(?<![\w.>])(" + "|".join(WRITERS) + r")\(")
PROGRAMS = ("policyd", "milter")


def arguments(text, at):
    """The arguments of the call whose '(' is before at."""
    depth, start, found, quoted = 0, at, [], False
    while at < len(text):
        c = text[at]
        if quoted:
            if c == "\\":
                at += 1
            elif c == '"':
                quoted = False
        elif c == '"':
            quoted = True
        elif c in "([{":
            depth += 1
        elif c in ")]}" and depth > 0:
            depth -= 1
        elif c == ")" or (c == "," and depth == 0):
            found.append(text[start:at].strip())
            start = at + 1
            if c == ")":
                return found
        at += 1
    return found


def is_declaration(text, at):
    """Does a line begin with the name? Then it is the function itself."""
    return at == 0 or text[at - 1] == "\n"


def events_of(path, text):
    """(line, event or None) of each line that is written."""
    for call in CALL.finditer(text):
        name = call.group(1)
        if is_declaration(text, call.start()):
            continue
        if name == "warn" and path != "milter/callbacks.c":
            continue
        given = arguments(text, call.end())
        if len(given) < WRITERS[name]:
            continue
        index = WRITERS[name] - (1 if name == "warn" else 0)
        line = text.count("\n", 0, call.start()) + 1
        event = given[index]
        words = re.findall(r'"([a-z0-9-]+)"', event)
        if not words and FORWARD.get(path) != event:
            yield line, None
        for word in words:
            yield line, word


def documented(text):
    """The first column of each table, by its heading."""
    rows, heading = {}, ""
    for line in text.splitlines():
        if line.startswith("## "):
            heading = line[3:].strip()
        elif line.startswith("| `"):
            cell = line.split("|")[1]
            for word in re.findall(r"`([a-z0-9-]+)`", cell):
                rows.setdefault(heading, {})[word] = line
    return rows


def compare(where, written, rows):
    for word in sorted(set(written) - set(rows)):
        yield f"{written[word]}: {word} is not in docs/log.md, {where}"
    for word in sorted(set(rows) - set(written)):
        yield f"docs/log.md: {where}: nobody writes {word}"


def check(root):
    problems = []
    written = {program: {} for program in PROGRAMS}
    for path in project.files(root, ".c"):
        program = path.split("/")[0]
        if program not in PROGRAMS:
            continue
        for line, event in events_of(path, project.read(root, path)):
            if event is None:
                problems.append(f"{path}:{line}: which event is that? "
                                "Write it there, or see log_events.py")
            else:
                written[program].setdefault(event, f"{path}:{line}")
    rows = documented(project.read(root, "docs/log.md"))
    for program in PROGRAMS:
        problems += compare(f"backupmx-{program}", written[program],
                            rows.get(f"backupmx-{program}", {}))
    keys = {key: "lib/base/log.c" for key in re.findall(
        r'KEY\("([a-z]+)"\)', project.read(root, "lib/base/log.c"))}
    keys["ev"] = "lib/base/log.c"
    problems += compare("Keys", keys, rows.get("Keys", {}))
    whys = {why: "policyd/decision.c" for why in re.findall(
        r'\[BMX_WHY_\w+\] = "([a-z0-9-]+)"',
        project.read(root, "policyd/decision.c"))}
    problems += compare("Reasons of policyd", whys,
                        rows.get("Reasons of policyd", {}))
    return problems, (sum(len(w) for w in written.values()) + len(keys)
                      + len(whys))


if __name__ == "__main__":
    project.finish(*check(sys.argv[1]))
