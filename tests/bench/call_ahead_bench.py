#!/usr/bin/env python3
"""call_ahead_bench.py POLICYD [SECONDS [RATE]]

What policyd does when it is asked for names that nobody has (as root):

 1. 500 connections ask for one address that is not cached, at once: how many
    probes reach the primary.
 2. 1,000 random unknown names a second for SECONDS (60), each of a client
    network of its own, with probe_rate = 5: probes a second at the primary,
    policyd's memory, and how long known users' answers take meanwhile and
    without it. RATE (5) is probe_rate.

The primary is scripted and takes 20 ms for each RCPT.
"""
import collections
import multiprocessing
import os
import random
import select
import socket
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "support"))
from faulty_primary import FaultyPrimary  # noqa: E402

HOST, PORT = "127.9.9.1", 2525
ATTACK_PER_S = 1000
KNOWN = 200
REQUEST = ("request=smtpd_access_policy\nprotocol_state=RCPT\n"
           "sender=a@world.test\nrecipient={}@example.test\n"
           "client_address={}\ninstance=bench.1\nsize=0\n\n")
CONFIG = """
hostname = "backup.example.test"
state_dir = "{dir}"
log = "stderr"
policyd {{
	listen = {{"unix:{dir}/policyd.sock"}}
	socket_group = ""
	metrics = ""
	control = "unix:{dir}/control.sock"
	on_recovery = {{}}
}}
domain "example.test" {{
	primary = {{"[{host}]:{port}"}}
	probe_rate = {rate}
}}
"""


class Primary(FaultyPrimary):
    """Writes the time and name of each RCPT to a file."""

    def __init__(self, path, *args):
        self.out = open(path, "a", buffering=1, encoding="ascii")
        super().__init__(*args)

    def rcpt(self, sock, fault, line):
        name = line.partition("<")[2].partition("@")[0]
        self.out.write(f"{time.monotonic()} {name}\n")
        time.sleep(0.02)
        super().rcpt(sock, fault, line)


def serve_primary(path):
    Primary(path, HOST, PORT, "good", [f"known{i}" for i in range(KNOWN)])
    while True:
        time.sleep(60)


def connect(path):
    sock = socket.socket(socket.AF_UNIX)
    sock.connect(path)
    return sock


def read_reply(sock):
    data = b""
    while not data.endswith(b"\n\n"):
        part = sock.recv(4096)
        if not part:
            raise ConnectionError("closed")
        data += part
    return data.decode().strip().partition("action=")[2]


def any_client():
    return f"10.{random.randrange(256)}.{random.randrange(256)}.1"


def ask(sock, name, client):
    sock.sendall(REQUEST.format(name, client).encode())


def attack(path, seconds, result):
    """Asks at a steady rate, whatever the answers take."""
    idle = [connect(path) for _ in range(1000)]
    busy, answers = {}, collections.Counter()
    slowest, sent, missed = 0.0, 0, 0
    begun = time.monotonic()
    while True:
        now = time.monotonic()
        due = int((now - begun) * ATTACK_PER_S)
        while sent < due and idle and now < begun + seconds:
            sock = idle.pop()
            ask(sock, f"x{random.getrandbits(60):x}", any_client())
            busy[sock] = time.monotonic()
            sent += 1
        if now >= begun + seconds and (not busy or now > begun + seconds + 10):
            break
        for sock in select.select(list(busy)[:900], [], [], 0.002)[0]:
            answers[read_reply(sock)[:30]] += 1
            slowest = max(slowest, time.monotonic() - busy.pop(sock))
            idle.append(sock)
        missed += sent < due and not idle
    result.put((sent, dict(answers), slowest, len(busy)))


def measure(path, seconds, per_s=100):
    """Latencies of known users, in ms, sorted; and wrong answers."""
    sock, times, wrong = connect(path), [], 0
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        begun = time.perf_counter()
        ask(sock, f"known{random.randrange(KNOWN)}", any_client())
        wrong += read_reply(sock) != "DUNNO"
        times.append(1000 * (time.perf_counter() - begun))
        time.sleep(1 / per_s)
    return sorted(times), wrong


def show_times(name, measured):
    times, wrong = measured
    count = len(times)
    print(f"{name}: {count} answers, {wrong} wrong, p50 "
          f"{times[count // 2]:.2f} ms, p99 {times[count * 99 // 100]:.2f} ms, "
          f"max {times[-1]:.2f} ms")


def rss_kib(pid):
    with open(f"/proc/{pid}/status", encoding="ascii") as file:
        return next(int(line.split()[1]) for line in file
                    if line.startswith("VmRSS:"))


def watch_memory(pid, seconds, result):
    values = []
    for _ in range(int(seconds)):
        values.append(rss_kib(pid))
        time.sleep(1)
    result.put(values)


def rcpts(path, begun=0.0):
    with open(path, encoding="ascii") as file:
        pairs = [line.split() for line in file]
    return [(float(at), name) for at, name in pairs if float(at) >= begun]


def bench_single_flight(path, seen):
    socks = [connect(path) for _ in range(500)]
    begun = time.monotonic()
    for sock in socks:
        ask(sock, "known0", any_client())
    answers = collections.Counter(read_reply(sock) for sock in socks)
    took = 1000 * (time.monotonic() - begun)
    probes = sum(name == "known0" for _, name in rcpts(seen))
    print(f"500 at once: {dict(answers)} in {took:.0f} ms, {probes} RCPT at "
          "the primary")
    for sock in socks:
        sock.close()


def learn_known(directory, ctl):
    dump = os.path.join(directory, "dump")
    with open(dump, "w", encoding="ascii") as out:
        for i in range(KNOWN):
            out.write(f"verification known{i}@example.test result=valid "
                      "state=active by=call-ahead checked_at="
                      f"{int(time.time() * 1000)}\n")
    subprocess.run([ctl, "-c", os.path.join(directory, "conf"), "cache",
                    "load", dump], check=True, stdout=subprocess.DEVNULL)


def bench_attack(path, seen, pid, seconds):
    show_times("known users, no attack", measure(path, 5))
    attacked, memory = multiprocessing.Queue(), multiprocessing.Queue()
    begun = time.monotonic()
    workers = [
        multiprocessing.Process(target=attack, args=(path, seconds, attacked)),
        multiprocessing.Process(target=watch_memory,
                                args=(pid, seconds, memory))]
    for worker in workers:
        worker.start()
    measured = measure(path, seconds)
    sent, answers, slowest, left = attacked.get()
    values = memory.get()
    for worker in workers:
        worker.join()
    print(f"attack: {sent} names in {seconds:.0f} s, answers {answers}, "
          f"slowest {1000 * slowest:.0f} ms, not answered {left}")
    show_times("known users, attacked", measured)
    per_s = collections.Counter(int(at - begun) for at, name in
                                rcpts(seen, begun) if name[0] == "x")
    steady = [per_s[s] for s in range(5, int(seconds))]
    print(f"probes at the primary: {sum(per_s.values())}, in the first second "
          f"{per_s[0]}, from the sixth on {sum(steady) / len(steady):.2f}/s, "
          f"at most {max(steady)} in a second")
    print(f"memory: RSS {values[0]} KiB at first, {max(values)} KiB at most, "
          f"{values[len(values) // 3]} KiB after a third, {values[-1]} KiB at "
          "the end")


def run(program, seconds, rate, directory):
    path = os.path.join(directory, "policyd.sock")
    seen = os.path.join(directory, "rcpts")
    ctl = os.path.join(os.path.dirname(program), "..", "ctl", "backupmxctl")
    with open(os.path.join(directory, "conf"), "w", encoding="ascii") as conf:
        conf.write(CONFIG.format(dir=directory, host=HOST, port=PORT,
                                 rate=rate))
    primary = multiprocessing.Process(target=serve_primary, args=(seen,),
                                      daemon=True)
    primary.start()
    with open(os.path.join(directory, "log"), "ab") as log:
        policyd = subprocess.Popen([program, "-f", "-u", "root", "-c",
                                    os.path.join(directory, "conf")],
                                   stdout=log, stderr=log)
    try:
        while not os.path.exists(os.path.join(directory, "control.sock")):
            time.sleep(0.1)
        time.sleep(1)
        bench_single_flight(path, seen)
        learn_known(directory, ctl)
        bench_attack(path, seen, policyd.pid, seconds)
    finally:
        policyd.terminate()
        policyd.wait()
        primary.terminate()


def main(program, seconds="60", rate="5"):
    with tempfile.TemporaryDirectory(prefix="backupmx.", dir="/tmp") as folder:
        run(program, float(seconds), int(rate), folder)


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    main(*sys.argv[1:])
