"""What the lints share: the project's files, and how a lint ends."""

import os
import subprocess
import sys

SKIPPED = 77  # SKIP_RETURN_CODE of the tests


def files(root, *suffixes):
    """Paths relative to root: what git tracks or would track; without git,
    all but build folders."""
    try:
        if not os.path.exists(os.path.join(root, ".git")):
            raise OSError
        out = subprocess.run(
            ["git", "-C", root, "ls-files", "-z", "--cached", "--others",
             "--exclude-standard"], capture_output=True, check=True).stdout
        names = {os.fsdecode(n) for n in out.split(b"\0") if n}
    except (OSError, subprocess.CalledProcessError):
        names = set(walk(root))
    return sorted(n for n in names
                  if (not suffixes or n.endswith(suffixes))
                  and os.path.isfile(os.path.join(root, n)))


def walk(root):
    for folder, below, names in os.walk(root):
        below[:] = [b for b in below
                    if b not in (".git", "__pycache__")
                    and not b.startswith("build")]
        for name in names:
            yield os.path.relpath(os.path.join(folder, name), root)


def read(root, path):
    with open(os.path.join(root, path), "rb") as file:
        return file.read().decode("utf-8", "replace")


def skip(why):
    print("skipped: " + why)
    sys.exit(SKIPPED)


def finish(problems, checked):
    for problem in problems:
        print(problem)
    print(f"{checked} checked, {len(problems)} problems")
    sys.exit(1 if problems else 0)
