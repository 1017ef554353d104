#!/usr/bin/env python3
"""faulty_primaries.py PORT ADDRESS=FAULT...

Primaries that go wrong, each in its way (faulty_primary.py), until killed.
Says "ready" once all of them listen.
"""
import signal
import sys

from faulty_primary import FaultyPrimary


def main(args):
    if len(args) < 3:
        sys.exit(__doc__)
    primaries = []
    for word in args[2:]:
        address, fault = word.split("=", 1)
        primaries.append(FaultyPrimary(address, int(args[1]), fault, []))
    print("ready", flush=True)
    signal.pause()


if __name__ == "__main__":
    main(sys.argv)
