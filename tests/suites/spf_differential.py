#!/usr/bin/env python3
"""Compares backupmx's SPF with Debian's python3-spf on random cases.

usage: spf_differential.py PROGRAM [CASES [SEED]]

PROGRAM is spf_suite, which evaluates the cases; what it must come to is said
by pyspf with the corrections of spf_reference.py. Printed are the classes of
cases in which pyspf as it is says something else, and each case in which
backupmx does. Exit status 77: no python3-spf.
"""
import collections
import os
import random
import subprocess
import sys
import tempfile

import spf_cases
import spf_reference

TIME = "1000000000"  # %{t}, as spf_suite has it
EXPLANATION_MAX = 4095  # octets: BMX_SPF_EXPLANATION_SIZE and its terminator
SHOWN = 3  # cases of backupmx's that are printed in full
PYTHON = "/usr/bin/python3"


def lookup_in(zone, module, asked=None):
    """pyspf's DNSLookup on the zone, as a resolver would answer."""
    def lookup(name, kind, strict=True, timeout=None):
        entries = zone.get(name.lower(), [])
        for _ in range(8):
            alias = [v for k, v in entries if k == "CNAME"]
            if not alias:
                break
            entries = zone.get(alias[0].lower(), [])
        found = [v for k, v in entries if k == kind]
        if not found and any(k == "FAIL" for k, _ in entries):
            raise module.TempError("DNS failed")
        if not found and asked is not None:
            asked.append((name, kind))
        return [((name, kind), value) for value in found]
    return lookup


def as_told(text):
    """An explanation that is too long for backupmx is not used."""
    if len(text) > EXPLANATION_MAX:
        return "DEFAULT"
    return "".join(c if " " <= c <= "~" else "?" for c in text)


def evaluate(module, case, asked=None):
    """(result, explanation of a fail)"""
    module.DNSLookup = lookup_in(case.zone, module, asked)
    try:
        query = module.query(i=case.client, s=case.sender, h=case.helo)
        query.t = TIME
        query.set_default_explanation("DEFAULT")
        result, _, text = query.check()
    except Exception as error:  # whatever ends pyspf, a class of its own
        return "exception", type(error).__name__
    return result, as_told(text) if result == "fail" else ""


def make_case(rng, reference):
    """Names that were asked for in vain may get an answer after all."""
    case = spf_cases.Case(rng)
    asked = []
    evaluate(reference, case, asked)
    for name, kind in asked:
        if rng.random() < 0.4 and len(name) < 250 and kind in ("A", "TXT"):
            case.add(name, kind, case.address("A") if kind == "A" else
                     case.strings(case.record()))
    return case


def octets(text):
    data = text if isinstance(text, bytes) else text.encode("latin-1")
    return data.hex() or "-"


def lines(number, case, want):
    yield "zone"
    for name, entries in case.zone.items():
        for kind, value in entries:
            if kind == "MX":
                value = f"{value[0]} {value[1]}"
            elif kind == "TXT":
                value = b"".join(value)
            yield f"record {octets(name)} {kind} {octets(value or '')}"
    yield (f"test {number} {case.client} {octets(case.helo)}"
           f" {octets(case.sender)} {want[0]} {octets(want[1])} 1")


class Classes:
    """Which correction explains that pyspf as it is says something else."""

    def __init__(self, text):
        self.stock = spf_reference.load(text, ())
        self.alone = {name: spf_reference.load(text, (name,))
                      for name in spf_reference.PLACES}
        self.count = collections.Counter()

    def add(self, case, want):
        if evaluate(self.stock, case) == want:
            return
        for name, module in self.alone.items():
            if evaluate(module, case) == want:
                self.count[name] += 1
                return
        self.count["several of them"] += 1

    def show(self, cases):
        print(f"{sum(self.count.values())} of {cases} cases differ from pyspf"
              " as it is:")
        for name, count in self.count.most_common():
            why = spf_reference.PLACES.get(name, ("",))[0]
            print(f"{count:8} {name}  {why}")


def show_failures(output, seed, reference):
    numbers = {int(line.split()[1].rstrip(":")) for line in output
               if line.startswith("FAIL ")}
    for number in sorted(numbers)[:SHOWN]:
        case = make_case(random.Random(f"{seed}/{number}"), reference)
        print("\n".join(line for line in output
                        if line.startswith(f"FAIL {number}:")))
        print(f"  client={case.client} helo={case.helo!r}"
              f" sender={case.sender!r}")
        for name, entries in case.zone.items():
            print(f"  {name}: {entries}")


def main():
    cases = int(sys.argv[2]) if len(sys.argv) > 2 else 3000
    seed = sys.argv[3] if len(sys.argv) > 3 else "1"
    text = spf_reference.source()
    if text is None:
        # Debian's package is seen by Debian's Python alone.
        if os.path.exists(PYTHON) and not os.environ.get("BMX_SPF_AGAIN"):
            os.environ["BMX_SPF_AGAIN"] = "1"
            os.execv(PYTHON, [PYTHON, "-B"] + sys.argv)
        print("SKIP: python3-spf is not installed")
        return 77
    try:
        reference = spf_reference.load(text, tuple(spf_reference.PLACES))
        classes = Classes(text)
    except spf_reference.Mismatch as place:
        print(f"SKIP: python3-spf is another release than 2.0.14: {place}")
        return 77
    except ImportError as error:
        print(f"SKIP: python3-spf cannot be loaded: {error}")
        return 77
    results = collections.Counter()
    with tempfile.TemporaryFile("w+") as output:
        with subprocess.Popen([sys.argv[1]], stdin=subprocess.PIPE,
                              stdout=output, text=True) as program:
            for number in range(cases):
                case = make_case(random.Random(f"{seed}/{number}"), reference)
                want = evaluate(reference, case)
                results[want[0]] += 1
                classes.add(case, want)
                program.stdin.write("\n".join(lines(number, case, want)))
                program.stdin.write("\n")
            program.stdin.close()
        output.seek(0)
        said = output.read().splitlines()
    show_failures(said, seed, reference)
    classes.show(cases)
    print("results:", dict(results))
    print(said[-1] if said else "spf_suite said nothing")
    return program.returncode


sys.exit(main())
