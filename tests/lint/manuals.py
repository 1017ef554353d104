#!/usr/bin/env python3
"""mandoc finds nothing to warn of in the man pages. manuals.py ROOT"""

import os
import shutil
import subprocess
import sys

import project


def check(root):
    pages = [p for p in project.files(root, ".5", ".7", ".8")
             if p.startswith("docs/")]
    if not pages:
        project.skip("there are no man pages in docs/")
    if not shutil.which("mandoc"):
        project.skip("mandoc is not installed")
    ran = subprocess.run(
        ["mandoc", "-T", "lint", "-W", "warning"]
        + [os.path.join(root, p) for p in pages],
        capture_output=True, text=True, check=False)
    problems = (ran.stdout + ran.stderr).splitlines()
    if ran.returncode != 0 and not problems:
        problems = [f"mandoc ended with {ran.returncode}"]
    return problems, len(pages)


if __name__ == "__main__":
    project.finish(*check(sys.argv[1]))
