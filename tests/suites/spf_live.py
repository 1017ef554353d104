#!/usr/bin/env python3
"""Hostile records through the real resolver and a real name server.

usage: spf_live.py PROGRAM

PROGRAM is spf_suite. It asks a front on loopback, which hands questions on to
knotd, over UDP and TCP, but answers SERVFAIL for names with the label
servfail, and nothing at all for names with the label blackhole. Exit status
77: no knotd.
"""
import os
import select
import shutil
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time

KNOTD = shutil.which("knotd") or "/usr/sbin/knotd"
LOOPBACK = "127.0.0.1"
CLIENT = "203.0.113.5"
SERVFAIL_CLIENT = "203.0.113.77"   # its reverse name fails
BLACKHOLE_CLIENT = "203.0.113.66"  # its reverse name is never answered


def strings(text):
    parts = [text[i:i + 255] for i in range(0, len(text), 255)] or [""]
    return " ".join('"' + part.replace('"', '\\"') + '"' for part in parts)


def txt_records():
    """name below spf.test -> TXT"""
    pads = "ip6:2001:db8:1:2:3:4:5:6/64 "
    records = {
        "plain": "v=spf1 -all",
        "long700": "v=spf1 " + pads * 25 + "-all",
        "long8k": "v=spf1 " + pads * 300 + "-all",
        "long8kpass": f"v=spf1 {pads * 300}ip4:{CLIENT} -all",
        "chars127": "v=spf1 exists:" + "%{d}" * 127 + " -all",
        "many": "v=spf1 exists:" + ".".join(["%{d}"] * 127) + " -all",
        "exp127": "v=spf1 -all exp=text127.spf.test",
        "text127": "%{d}" * 127,
        "exp8k": "v=spf1 -all exp=text8k.spf.test",
        "text8k": "%{d}" * 2000,
        "expfail": "v=spf1 -all exp=x.servfail.spf.test",
        "exphole": "v=spf1 -all exp=x.blackhole.spf.test",
        "afail": "v=spf1 a:x.servfail.spf.test -all",
        "incfail": "v=spf1 include:x.servfail.spf.test -all",
        "redfail": "v=spf1 redirect=x.servfail.spf.test",
        "ahole": "v=spf1 a:x.blackhole.spf.test -all",
        "holes": "v=spf1 " + "".join(
            f"a:x{i}.blackhole.spf.test " for i in range(10)) + "-all",
        "slow": "v=spf1 a:y.blackhole.spf.test -all",
        "ptr": "v=spf1 ptr:spf.test -all",
        "loop": "v=spf1 a:loop1.spf.test -all",
        "chain": "v=spf1 a:chain1.spf.test -all",
        "void2": "v=spf1 a:no1.spf.test a:no2.spf.test -all",
        "void3": "v=spf1 a:no1.spf.test a:no2.spf.test mx:no3.spf.test -all",
        "mx10": "v=spf1 mx:ten.spf.test -all",
        "mx11": "v=spf1 mx:eleven.spf.test -all",
        "tree": "v=spf1 " + "".join(
            f"include:t{i}.spf.test " for i in range(10)) + "-all",
    }
    for i in range(10):
        records[f"t{i}"] = "v=spf1 " + "".join(
            f"include:t{i}{j}.spf.test " for j in range(10)) + "-all"
        for j in range(10):
            records[f"t{i}{j}"] = "v=spf1 " + "".join(
                f"include:t{i}{j}{k}.spf.test " for k in range(10)) + "-all"
    return records


def zone_text():
    yield "$ORIGIN spf.test."
    yield "$TTL 300"
    yield "@ SOA ns h 1 3600 600 86400 120"
    yield "@ NS ns"
    yield "ns A 127.0.0.1"
    for name, text in txt_records().items():
        yield f"{name} TXT {strings(text)}"
    yield f"*.many A {CLIENT}"
    yield "loop1 CNAME loop2"
    yield "loop2 CNAME loop1"
    yield "chain1 CNAME chain2"
    yield "chain2 CNAME chain3"
    yield f"chain3 A {CLIENT}"
    for i in range(11):
        yield f"eleven MX {i} h{i}"
        if i < 10:
            yield f"ten MX {i} h{i}"
        yield f"h{i} A {CLIENT if i == 9 else '192.0.2.1'}"


def tests():
    """name, client, result, explanation or None; or (deadline, limit) ms"""
    long127 = "exp127.spf.test" * 127
    yield 3000, 4500
    for name, want in [
            ("plain", "fail"), ("long700", "fail"), ("long8k", "fail"),
            ("long8kpass", "pass"), ("chars127", "fail"), ("many", "pass"),
            ("chain", "pass"), ("void2", "fail"), ("void3", "permerror"),
            ("mx10", "pass"), ("mx11", "permerror"), ("tree", "permerror"),
            ("nothing", "none"), ("afail", "temperror"),
            ("incfail", "temperror"), ("redfail", "temperror"),
            ("loop", "temperror,fail"), ("x.servfail", "temperror")]:
        yield name, CLIENT, want, None
    yield "exp127", CLIENT, "fail", long127
    yield "exp8k", CLIENT, "fail", "DEFAULT"
    yield "expfail", CLIENT, "fail", "DEFAULT"
    yield "ptr", SERVFAIL_CLIENT, "fail", None
    yield 1500, 3000
    yield "ptr", BLACKHOLE_CLIENT, "temperror", None
    yield "exphole", CLIENT, "fail", "DEFAULT"
    yield "ahole", CLIENT, "temperror", None
    yield "holes", CLIENT, "temperror", None
    yield "x.blackhole", CLIENT, "temperror", None
    yield 90000, 21500  # 20 s and some, whatever the deadline
    yield "slow", CLIENT, "temperror", None
    yield 3000, 4500  # and the next one is well again
    yield "t999", CLIENT, "none", None
    yield "t99", CLIENT, "permerror", None


def octets(text):
    return text.encode().hex() or "-"


def lines():
    for test in tests():
        if len(test) == 2:
            yield f"limit {test[0]} {test[1]}"
            continue
        name, client, want, text = test
        yield (f"test {name} {client} {octets('mail.spf.test')}"
               f" {octets('user@' + name + '.spf.test')} {want}"
               f" {octets(text or '')} {0 if text is None else 1}")


def labels(packet):
    """The labels of the question, in lower case."""
    found, at = [], 12
    while at < len(packet) and packet[at]:
        found.append(packet[at + 1:at + 1 + packet[at]].lower())
        at += 1 + packet[at]
    return found


def treatment(packet):
    name = b".".join(labels(packet))
    reverse = {".".join(reversed(SERVFAIL_CLIENT.split("."))): b"servfail",
               ".".join(reversed(BLACKHOLE_CLIENT.split("."))): b"blackhole"}
    for client, what in reverse.items():
        if name == client.encode() + b".in-addr.arpa":
            return what
    for what in (b"servfail", b"blackhole"):
        if what in labels(packet):
            return what
    return None


class Front:
    """Stands between the resolver and knotd."""

    def __init__(self, upstream):
        self.upstream = (LOOPBACK, upstream)
        self.udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.tcp = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        self.udp.bind((LOOPBACK, 0))
        self.port = self.udp.getsockname()[1]
        self.tcp.bind((LOOPBACK, self.port))
        self.tcp.listen(20)
        self.over_tcp = 0
        for work in (self.serve_udp, self.serve_tcp):
            threading.Thread(target=work, daemon=True).start()

    def serve_udp(self):
        while True:
            packet, client = self.udp.recvfrom(65535)
            threading.Thread(target=self.answer, args=(packet, client),
                             daemon=True).start()

    def answer(self, packet, client):
        what = treatment(packet)
        if what == b"servfail":
            # QR and RA set, no EDNS, rcode 2: the question alone.
            end = 12 + sum(len(x) + 1 for x in labels(packet)) + 5
            self.udp.sendto(packet[:2] + b"\x81\x82\0\1\0\0\0\0\0\0" +
                            packet[12:end], client)
        if what:
            return
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as up:
            up.settimeout(5)
            up.sendto(packet, self.upstream)
            try:
                self.udp.sendto(up.recv(65535), client)
            except socket.timeout:
                pass

    def serve_tcp(self):
        while True:
            down, _ = self.tcp.accept()
            self.over_tcp += 1
            threading.Thread(target=self.relay, args=(down,),
                             daemon=True).start()

    def relay(self, down):
        with down, socket.create_connection(self.upstream) as up:
            pairs = {down: up, up: down}
            while True:
                for ready in select.select(list(pairs), [], [])[0]:
                    data = ready.recv(65535)
                    if not data:
                        return
                    pairs[ready].sendall(data)


def free_port():
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.bind((LOOPBACK, 0))
        return probe.getsockname()[1]


def is_up(port):
    query = struct.pack(">6H", 1, 0, 1, 0, 0, 0) + \
        b"\3spf\4test\0" + struct.pack(">2H", 6, 1)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.settimeout(0.2)
        probe.connect((LOOPBACK, port))
        try:
            probe.send(query)
            return probe.recv(512)[3] & 15 == 0
        except OSError:
            return False


def start_knotd(directory, port):
    with open(f"{directory}/zone", "w", encoding="ascii") as out:
        out.write("\n".join(zone_text()) + "\n")
    with open(f"{directory}/knot.conf", "w", encoding="ascii") as out:
        out.write(f"server:\n  listen: {LOOPBACK}@{port}\n"
                  f"  rundir: {directory}\n"
                  f"database:\n  storage: {directory}\n"
                  f"template:\n  - id: default\n    storage: {directory}\n"
                  "zone:\n  - domain: spf.test\n    file: zone\n")
    knotd = subprocess.Popen([KNOTD, "-c", f"{directory}/knot.conf"],
                             stdout=subprocess.DEVNULL,
                             stderr=subprocess.DEVNULL)
    for _ in range(100):
        if is_up(port):
            return knotd
        time.sleep(0.1)
    knotd.kill()
    sys.exit("knotd does not answer")


def main():
    if not os.path.exists(KNOTD):
        print("SKIP: knotd (package knot) is not installed")
        return 77
    with tempfile.TemporaryDirectory() as directory:
        port = free_port()
        knotd = start_knotd(directory, port)
        try:
            front = Front(port)
            done = subprocess.run([sys.argv[1], f"{LOOPBACK}@{front.port}"],
                                  input="\n".join(lines()) + "\n", text=True)
        finally:
            knotd.terminate()
            knotd.wait()
    print(f"{front.over_tcp} connections over TCP")
    return done.returncode if front.over_tcp else 1


sys.exit(main())
