#!/usr/bin/env python3
"""Answers the questions of a program as a person at a terminal would.

terminal.py 'PART OF A QUESTION=ANSWER' ... -- COMMAND ...

Each answer is typed once its question was seen, in that order. What the
program shows goes to standard output; its exit status is ours, 124 when a
question did not come.
"""

import os
import pty
import select
import sys
import time

LIMIT_S = 20


def wait_for(terminal, part, deadline):
    """Reads until part was shown; None: until the end. Was it?"""
    shown = ""
    while time.monotonic() < deadline:
        ready, _, _ = select.select([terminal], [], [], 0.2)
        if not ready:
            continue
        try:
            data = os.read(terminal, 4096)
        except OSError:  # the other end is closed
            data = b""
        if not data:
            return part is None
        text = data.decode("utf-8", "replace")
        sys.stdout.write(text.replace("\r\n", "\n"))
        shown += text
        if part is not None and part in shown:
            return True
    return False


def main():
    words = sys.argv[1:]
    at = words.index("--")
    pid, terminal = pty.fork()
    if pid == 0:
        os.execvp(words[at + 1], words[at + 1:])
    deadline = time.monotonic() + LIMIT_S
    for word in words[:at]:
        part, _, answer = word.partition("=")
        if not wait_for(terminal, part, deadline):
            print(f"\nterminal.py: \"{part}\" was not shown")
            os.kill(pid, 9)
            os.waitpid(pid, 0)
            return 124
        os.write(terminal, b"\x04" if answer == "EOF"
                 else answer.encode() + b"\n")
    ended = wait_for(terminal, None, deadline)
    if not ended:
        os.kill(pid, 9)
    status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    return status if ended else 124


sys.exit(main())
