#!/usr/bin/env python3
"""dns_server.py ADDRESS PORT ZONE LOG

Answers DNS questions over UDP from a small table, and writes each question to
LOG as "NAME TYPE". A line of ZONE is "NAME TYPE DATA"; TYPE is A, TXT or PTR.
What is not in it does not exist (NXDOMAIN). Says "ready" once it listens.
"""
import socket
import struct
import sys

TYPES = {"A": 1, "PTR": 12, "TXT": 16}
NAMES = {number: name for name, number in TYPES.items()}
TTL_S = 60
NXDOMAIN = 3


def encode_name(name):
    labels = [part for part in name.split(".") if part]
    return b"".join(bytes([len(part)]) + part.encode()
                    for part in labels) + b"\0"


def encode_data(kind, data):
    if kind == "A":
        return socket.inet_aton(data)
    if kind == "PTR":
        return encode_name(data)
    return bytes([len(data)]) + data.encode()


def read_zone(path):
    zone = {}
    with open(path, encoding="ascii") as file:
        for line in file:
            if line.strip() and not line.startswith("#"):
                name, kind, data = line.rstrip("\n").split(" ", 2)
                zone.setdefault(name.lower(), []).append((kind, data))
    return zone


def read_question(packet):
    """Returns the name, the type's number and where the question ends."""
    at, labels = 12, []
    while packet[at]:
        labels.append(packet[at + 1:at + 1 + packet[at]].decode("latin-1"))
        at += 1 + packet[at]
    number = struct.unpack_from("!H", packet, at + 1)[0]
    return ".".join(labels).lower(), number, at + 5


def answer(packet, zone, log):
    name, number, end = read_question(packet)
    kind = NAMES.get(number, str(number))
    print(name, kind, file=log, flush=True)
    found = [data for its, data in zone.get(name, []) if its == kind]
    flags = 0x8580 | (0 if name in zone else NXDOMAIN)
    head = packet[:2] + struct.pack("!5H", flags, 1, len(found), 0, 0)
    body = b""
    for data in found:
        octets = encode_data(kind, data)
        body += struct.pack("!3HIH", 0xC00C, number, 1, TTL_S, len(octets))
        body += octets
    return head + packet[12:end] + body


def main(args):
    if len(args) != 4:
        sys.exit(__doc__)
    zone = read_zone(args[2])
    server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    server.bind((args[0], int(args[1])))
    print("ready", flush=True)
    with open(args[3], "a", encoding="ascii") as log:
        while True:
            packet, peer = server.recvfrom(4096)
            try:
                server.sendto(answer(packet, zone, log), peer)
            except (IndexError, struct.error, UnicodeError):
                continue  # no question: no answer


if __name__ == "__main__":
    main(sys.argv[1:])
