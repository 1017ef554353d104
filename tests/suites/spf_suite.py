#!/usr/bin/env python3
"""Feeds an OpenSPF test suite to the program spf_suite.

usage: spf_suite.py PROGRAM [SUITE.yml | SUITE.yml.gz]

Without a suite: data/spf/rfc7208-tests.yml under $BMX_SHARED, or under
../shared beside the checkout. Exit status 77: no suite or no python3-yaml.
Octets are hexadecimal in the line format, so that no text needs quoting.
"""
import gzip
import os
import subprocess
import sys

try:
    import yaml
except ImportError:
    print("SKIP: python3-yaml is not installed")
    sys.exit(77)


def find_suite():
    if len(sys.argv) > 2:
        return sys.argv[2]
    root = os.path.dirname(os.path.abspath(__file__)) + "/../.."
    shared = os.environ.get("BMX_SHARED", root + "/../shared")
    return shared + "/data/spf/rfc7208-tests.yml"


def octets(text):
    try:
        data = text.encode("latin-1")
    except UnicodeEncodeError:
        data = text.encode("utf-8")
    return data.hex() or "-"


def records(entries):
    """(type, text) of a name; SPF stands for TXT unless TXT is there too."""
    plain = [e for e in entries if isinstance(e, dict)]
    has_txt = any("TXT" in e for e in plain)
    for entry in entries:
        if not isinstance(entry, dict):
            yield "FAIL", ""
            continue
        (kind, value), = entry.items()
        if kind == "SPF" and has_txt or kind == "TXT" and value == "NONE":
            continue
        if kind == "MX":
            yield "MX", f"{value[0]} {value[1].rstrip('.')}"
        elif isinstance(value, list):
            yield "TXT", "".join(value)
        else:
            if kind in ("CNAME", "PTR"):
                value = value.rstrip(".")
            yield ("TXT" if kind == "SPF" else kind), value


def lines(suite):
    for part in yaml.safe_load_all(suite):
        yield "zone"
        for name, entries in part["zonedata"].items():
            for kind, value in records(entries):
                yield f"record {octets(name)} {kind} {octets(value)}"
        for name, test in part["tests"].items():
            want = test["result"]
            want = want if isinstance(want, str) else ",".join(want)
            yield " ".join(
                ["test", name, test["host"], octets(test["helo"]),
                 octets(test["mailfrom"]), want,
                 octets(test.get("explanation", "")),
                 "1" if "explanation" in test else "0"])


def main():
    path = find_suite()
    if not os.path.exists(path):
        print(f"SKIP: no suite at {path}")
        return 77
    reader = gzip.open if path.endswith(".gz") else open
    with reader(path, "rt", encoding="utf-8") as suite:
        text = "\n".join(lines(suite)) + "\n"
    return subprocess.run([sys.argv[1]], input=text.encode()).returncode


sys.exit(main())
