#!/usr/bin/env python3
"""clang-format would change nothing. style.py ROOT

Only version 14 (Debian 12) is asked: others format some things otherwise.
"""

import shutil
import subprocess
import sys

import project


def formatter():
    for name in ("clang-format-14", "clang-format"):
        path = shutil.which(name)
        if not path:
            continue
        version = subprocess.run([path, "--version"], capture_output=True,
                                 text=True, check=False).stdout
        if " version 14." in version:
            return path
    return None


def check(root):
    sources = project.files(root, ".c", ".h")
    path = formatter()
    if not path:
        project.skip("clang-format 14 is not installed")
    ran = subprocess.run([path, "--dry-run", "-Werror"] + sources, cwd=root,
                         capture_output=True, text=True, check=False)
    problems = [line for line in ran.stderr.splitlines() if "error:" in line]
    if ran.returncode != 0 and not problems:
        problems = [ran.stderr]
    return problems, len(sources)


if __name__ == "__main__":
    project.finish(*check(sys.argv[1]))
