#!/usr/bin/env python3
"""Each header compiles alone, and twice in one file. headers.py ROOT CC"""

import os
import subprocess
import sys

import project

FLAGS = ["-std=c11", "-Wall", "-Wextra", "-Wpedantic", "-Werror",
         "-D_POSIX_C_SOURCE=200809L", "-D_DEFAULT_SOURCE", "-fsyntax-only",
         "-x", "c", "-"]


def is_checked(path):
    return path.startswith(("include/", "policyd/", "milter/", "ctl/", "lib/"))


def check(root, compiler):
    problems = []
    headers = [p for p in project.files(root, ".h") if is_checked(p)]
    for path in headers:
        name = os.path.join(os.path.abspath(root), path)
        ran = subprocess.run(
            [compiler, "-I", os.path.join(root, "include"), "-I", root]
            + FLAGS, input=f'#include "{name}"\n#include "{name}"\n',
            capture_output=True, text=True, check=False)
        if ran.returncode != 0:
            problems.append(f"{path}: does not compile alone\n{ran.stderr}")
    return problems, len(headers)


if __name__ == "__main__":
    project.finish(*check(sys.argv[1], sys.argv[2]))
