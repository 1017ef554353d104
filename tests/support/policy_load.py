#!/usr/bin/env python3
"""policy_load.py SOCKET RATE FILE: look-ups at a steady rate, each checked.

Lines of FILE are `ADDRESS ANSWER`: how the action must begin, or several such
beginnings parted by `|`; a `%` in the address is a number that is never asked
twice. Each request has a client of its own. It is due at its time whatever
became of those before, and its time counts from there; `pause_ms` is for how
long a busy machine kept this program itself from running. A line on standard
input prints what happened since the last one, as JSON; its end ends the load.
"""
import json
import random
import selectors
import socket
import sys
import time

REQUEST = """request=smtpd_access_policy
protocol_state=RCPT
protocol_name=ESMTP
helo_name=client.test
sender=sender@world.test
recipient={}
client_address={}
client_name=unknown
instance=load.{}
size=0

"""
TICK_S = 0.005
WRONG_SHOWN = 5


class Load:
    def __init__(self, path, rate, rows):
        self.path = path
        self.rate = rate
        self.rows = rows
        self.selector = selectors.DefaultSelector()
        self.idle = []
        self.pending = {}  # socket: (since, address, wanted, octets so far)
        self.sent = 0
        self.begin = time.monotonic()
        self.reset()

    def reset(self):
        self.counts = {"asked": 0, "wrong": 0, "deferred": 0, "longest_ms": 0,
                       "pause_ms": 0, "examples": []}

    def connection(self):
        if self.idle:
            return self.idle.pop()
        sock = socket.socket(socket.AF_UNIX)
        sock.settimeout(5)
        sock.connect(self.path)
        self.selector.register(sock, selectors.EVENT_READ)
        return sock

    def ask(self, since):
        address, wanted = random.choice(self.rows)
        self.sent += 1
        address = address.replace("%", str(self.sent))
        client = "10." + ".".join(str(random.randrange(256)) for _ in "abc")
        sock = self.connection()
        try:
            sock.sendall(REQUEST.format(address, client, self.sent).encode())
            self.pending[sock] = [since, address, wanted, b""]
        except OSError as error:
            self.selector.unregister(sock)
            self.judge(since, address, wanted, repr(error))

    def judge(self, since, address, wanted, answer):
        counts = self.counts
        counts["asked"] += 1
        counts["longest_ms"] = max(counts["longest_ms"], round(
            1000 * (time.monotonic() - since)))
        if answer.startswith(("DEFER", "4")):
            counts["deferred"] += 1
        if not answer.startswith(wanted):
            counts["wrong"] += 1
            if len(counts["examples"]) < WRONG_SHOWN:
                counts["examples"].append([address, answer])

    def take(self, sock):
        try:
            part = sock.recv(4096)
        except OSError:
            part = b""
        if sock not in self.pending:  # policyd has closed an idle one
            self.selector.unregister(sock)
            self.idle.remove(sock)
            return
        waiting = self.pending[sock]
        waiting[3] += part
        if part and not waiting[3].endswith(b"\n\n"):
            return
        del self.pending[sock]
        since, address, wanted, octets = waiting
        self.judge(since, address, wanted,
                   octets.decode().strip().partition("action=")[2])
        if part:
            self.idle.append(sock)
        else:
            self.selector.unregister(sock)

    def report(self):
        now = time.monotonic()
        late = [now - waiting[0] for waiting in self.pending.values()]
        self.counts["longest_ms"] = max([self.counts["longest_ms"]] + [
            round(1000 * age) for age in late])
        print(json.dumps(self.counts), flush=True)
        self.reset()

    def run(self):
        self.selector.register(sys.stdin, selectors.EVENT_READ)
        turn = time.monotonic()
        while True:
            pause = time.monotonic() - turn - TICK_S
            turn += pause + TICK_S
            self.counts["pause_ms"] = max(self.counts["pause_ms"],
                                          round(1000 * pause))
            due = int((time.monotonic() - self.begin) * self.rate)
            while self.sent < due:
                self.ask(self.begin + self.sent / self.rate)
            for key, _ in self.selector.select(TICK_S):
                if key.fileobj is not sys.stdin:
                    self.take(key.fileobj)
                elif sys.stdin.readline():
                    self.report()
                else:
                    return


def main(path, rate, file):
    with open(file, encoding="utf-8") as lines:
        words = [line.rstrip("\n").split(" ", 1) for line in lines]
    Load(path, float(rate), [(address, tuple(wanted.split("|")))
                             for address, wanted in words]).run()


if __name__ == "__main__":
    main(*sys.argv[1:4])
