#!/usr/bin/env python3
"""Each lint sees a mistake that was planted for it. planted.py CC

A row is a lint, a file with one mistake, and what the lint must say; "" is a
file that it must let pass.
"""

import os
import subprocess
import sys
import tempfile

import project

HERE = os.path.dirname(os.path.abspath(__file__))
TABLE = "low base\nhigh config\n"
TREE = {
    "include/backupmx/low.h": "/** Low. */\nint bmx_low(void);\n",
    "include/backupmx/high.h": "/** High. */\nint bmx_high(void);\n",
    "policyd/a.h": "/** A. */\nint bmx_a(void);\n",
    "milter/b.h": "/** B. */\nint bmx_b(void);\n",
}
MARK = "TO" + "DO"
LOG = {"lib/base/log.c": 'KEY("id")',
       "policyd/decision.c": '[BMX_WHY_LISTED] = "listed"',
       "policyd/a.c": '\tbmx_log_begin(&line, log, f(1, 2), x ? "a" : "b");\n',
       "milter/callbacks.c": '\twarn("c", ",)");\n',
       "docs/log.md": "## backupmx-policyd\n| `a`, `b` | x |\n"
                      "## backupmx-milter\n| `c` |\n"
                      "## Keys\n| `id` |\n| `ev` |\n"
                      "## Reasons of policyd\n| `listed` |\n"}

ROWS = [
    ("floors", {"lib/config/high.c": "#include <backupmx/low.h>\n"}, ""),
    ("floors", {"lib/base/low.c": "#include <backupmx/high.h>\n"},
     "base includes include/backupmx/high.h, which is of config"),
    ("floors", {"lib/dns/x.c": "# include \"lib/directory/y.h\"\n",
                "lib/directory/y.h": ""}, "which is of directory"),
    ("floors", {"lib/base/low.h": '#include "policyd/a.h"\n'},
     "which is of policyd"),
    ("floors", {"policyd/a.c": '#include "milter/b.h"\n'},
     "policyd includes milter/b.h"),
    ("floors", {"milter/spf/b.c": "#include <policyd/a.h>\n"},
     "milter includes policyd/a.h"),
    ("floors", {"ctl/c.c": '#include "../policyd/a.h"\n'},
     "ctl includes policyd/a.h"),
    ("floors", {"ctl/c.c": '#include "tests/t.h"\n', "tests/t.h": ""},
     "of no floor"),
    ("floors", {"include/backupmx/new.h": ""}, "has no floor"),
    ("floors", {"lib/base/low.c": "#include <backupmx/gone.h>\n"},
     "there is no backupmx/gone.h"),
    ("floors", {"lib/base/high.c": ""}, "says that it is of config"),
    ("floors", {"policyd/a.c": "#include <hiredis/hiredis.h>\n",
                "policyd/b.c": "#include <hiredis/read.h>\n"}, "at most 1"),
    ("floors", {n + ".c": "#include <lmdb.h>\n" for n in "abcdefg"},
     "at most 6"),
    ("floors", {"a.c": "#include <confuse.h>\n",
                "b.c": "#include <confuse.h>\n"}, "at most 1"),
    ("floors", {"a.c": "#include <spf2/spf.h>\n",
                "b.c": "#include <spf2/spf.h>\n"}, "at most 1"),
    ("floors", {"a.c": "#include <unbound.h>\n",
                "b.c": "#include <unbound.h>\n"}, ""),
    ("floors", {n + ".c": "#include <libmilter/mfapi.h>\n" for n in "abc"},
     "at most 2"),
    ("floors", {"policyd/a.h": "#include <event2/event.h>\n"},
     "a header of ours includes"),
    ("headers", {"policyd/a.h": "int a(void);\n"}, ""),
    ("headers", {"policyd/a.h": "size_t a(void);\n"}, "policyd/a.h: does not"),
    ("headers", {"milter/spf/c.h": "struct c { int x; };\n"},
     "milter/spf/c.h: does not"),
    ("comments", {"policyd/a.h": "/** Doc. */\nstatic inline int\na(void)\n"
                  "{\n\treturn b();\n}\n"}, ""),
    ("comments", {"policyd/a.h": "struct a *b(void);\n"},
     "b has no doc comment"),
    ("comments", {"policyd/a.h": "/** Doc. */\n\nint b(void);\n"},
     "b has no doc comment"),
    ("comments", {"policyd/a.h": "/* Plain. */\nint b(void);\n"},
     "b has no doc comment"),
    ("comments", {"milter/spf/a.h": "/** Doc. */\nint a(void);\n"
                  "const char *\nb(int x,\n  int y);\n"},
     "b has no doc comment"),
    ("manuals", {"docs/x.8": ".Dd January 1, 2026\n.Dt X 8\n.Os\n.Sh NAME\n"
                 ".Nm x\n.Nd does x\n.Bogus\n"}, "Bogus"),
    ("style", {"a.c": "int a;\n"}, ""),
    ("style", {"a.c": "int  a ;\n"}, "a.c:1"),
    ("markers", {"a.c": "/* " + MARK + "S mkdtemp(bmxXXXXXX) */\n"}, ""),
    ("markers", {"a.c": "/* " + MARK + ": later */\n"}, "a.c:1"),
    ("markers", {"docs/a.md": "\n" + "FIX" + "ME\n"}, "docs/a.md:2"),
    ("markers", {"a.sh": "# X" + "XX\n"}, "a.sh:1"),
    ("log_events", LOG, ""),
    ("log_events", LOG | {"policyd/b.c": '\tbmx_log_error(l, v, "d", e, h);\n'},
     "policyd/b.c:1: d is not in"),
    ("log_events", LOG | {"policyd/b.c": "\tbmx_log_begin(&l, g, v, event);\n"},
     "which event is that"),
    ("log_events", LOG | {"milter/callbacks.c": ""}, "nobody writes c"),
    ("log_events", LOG | {"lib/base/log.c": 'KEY("id"), KEY("new")'},
     "new is not in"),
    ("log_events", LOG | {"policyd/decision.c": ""}, "nobody writes listed"),
]


def write(root, files):
    for path, text in files.items():
        path = os.path.join(root, path)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)


def run(lint, files, compiler):
    with tempfile.TemporaryDirectory() as root:
        with open(os.path.join(HERE, "../../.clang-format"),
                  encoding="utf-8") as file:
            write(root, TREE | {".clang-format": file.read()} | files)
        table = os.path.join(root, "table")
        write(root, {"table": TABLE})
        extra = {"floors": [table], "headers": [compiler]}.get(lint, [])
        return subprocess.run(
            [sys.executable, os.path.join(HERE, lint + ".py"), root] + extra,
            capture_output=True, text=True, check=False)


def check(compiler):
    problems = []
    for lint, files, want in ROWS:
        ran = run(lint, files, compiler)
        if ran.returncode == project.SKIPPED:
            print(f"{lint}: {ran.stdout.strip()}")
            continue
        good = (ran.returncode == 1 and want in ran.stdout if want
                else ran.returncode == 0)
        if not good or ran.stderr:
            problems.append(f"{lint} over {files}: wanted \"{want}\", got "
                            f"{ran.returncode} {ran.stdout}{ran.stderr}")
    return problems, len(ROWS)


if __name__ == "__main__":
    project.finish(*check(sys.argv[1]))
