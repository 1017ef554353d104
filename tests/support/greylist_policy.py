#!/usr/bin/env python3
"""greylist_policy.py DIRECTORY SECONDS

A Postfix policy service for one connection, run by spawn(8): a sender's first
try at a recipient, and any other within SECONDS of it, is greylisted. What was
seen is a file in DIRECTORY.
"""
import hashlib
import os
import sys
import time


def action(directory, seconds, request):
    pair = f"{request.get('sender')} {request.get('recipient')}"
    path = os.path.join(directory,
                        hashlib.sha256(pair.encode()).hexdigest())
    if not os.path.exists(path):
        with open(path, "w", encoding="ascii"):
            pass
    if time.time() - os.stat(path).st_mtime >= seconds:
        return "DUNNO"
    return "450 4.7.1 Greylisted, try again later"


def main(directory, seconds):
    request = {}
    for line in sys.stdin:
        name, _, value = line.rstrip("\n").partition("=")
        if name:
            request[name] = value
            continue
        print(f"action={action(directory, float(seconds), request)}\n",
              flush=True)
        request = {}


if __name__ == "__main__":
    main(*sys.argv[1:])
