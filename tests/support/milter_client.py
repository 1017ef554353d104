#!/usr/bin/env python3
"""SMTP sessions in the name of other clients (XCLIENT), for the milter's tests.

milter_client.py ask HOST PORT CLIENT SENDER RECIPIENT [LOGIN]
    leaves after RCPT
milter_client.py send HOST PORT CLIENT SENDER RECIPIENT ID [LOGIN]
    gives a message with the header X-Lab-Id: ID; header lines of its own may
    be on standard input
    RECIPIENT may be several with commas between: the last one's reply counts
milter_client.py many HOST PORT CLIENT SENDER RECIPIENT COUNT
    gives so many messages over four connections, all alike but for the "#" in
    SENDER, which is their number; prints how many were taken. Header lines of
    their own may be on standard input
milter_client.py load HOST PORT SECONDS THREADS PREFIX
    sessions in a row, each with a fresh sender domain, one known and one
    unknown recipient; prints how often each reply came, one "COUNT STAGE
    REPLY" a line, and writes the IDs of accepted messages to PREFIX.ids

The environment says more of the client: LAB_CLIENT_HELO and LAB_CLIENT_NAME
(client.test and helo.test without it), LAB_CLIENT_OCTETS of body,
LAB_CLIENT_SIZE announced at MAIL, and LAB_CLIENT_FILE with a whole message to
send instead, in which @ID@ becomes the ID.

ask and send print the reply that decided it, all lines of it, byte for byte
but for a "\\n" between lines.
"""
import collections
import concurrent.futures
import os
import socket
import sys
import threading
import time

TIMEOUT_S = 60
LOST = "421 connection lost"


class Session:
    def __init__(self, host, port):
        self.sock = socket.create_connection((host, int(port)), TIMEOUT_S)
        self.file = self.sock.makefile("rb")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.file.close()
        self.sock.close()

    def reply(self):
        lines = []
        while True:
            line = self.file.readline(4096).decode("latin-1").rstrip("\r\n")
            if not line:
                return LOST
            lines.append(line)
            if line[3:4] != "-":
                return "\\n".join(lines)

    def command(self, line):
        self.sock.sendall(line.encode("latin-1") + b"\r\n")
        return self.reply()

    def open(self, client, login):
        """Greeting to EHLO; the reply that was not as it should be, or None."""
        name = os.environ.get("LAB_CLIENT_NAME", "client.test")
        helo = os.environ.get("LAB_CLIENT_HELO", "helo.test")
        address = f"IPV6:{client}" if ":" in client else client
        words = f"XCLIENT ADDR={address} NAME={name} HELO=helo.test"
        if login:
            words += f" LOGIN={login}"
        reply = self.reply()
        for line in "EHLO lab.test", words, f"EHLO {helo}":
            if reply[0] != "2":
                return reply
            reply = self.command(line)
        return None if reply[0] == "2" else reply


def whole(path, lab_id):
    """A file as DATA wants it: CR LF, dots doubled, and the last dot."""
    with open(path, encoding="latin-1", newline="") as file:
        text = file.read().replace("\r\n", "\n").replace("@ID@", lab_id)
    lines = text.removesuffix("\n").split("\n")
    return "\r\n".join("." + line if line.startswith(".") else line
                       for line in lines) + "\r\n."


def transaction(session, sender, recipient, lab_id, fields=""):
    octets = int(os.environ.get("LAB_CLIENT_OCTETS", "0"))
    size = os.environ.get("LAB_CLIENT_SIZE")
    reply = session.command(f"MAIL FROM:<{sender}>"
                            + (f" SIZE={size}" if size else ""))
    if reply[0] == "2":
        for address in recipient.split(","):
            reply = session.command(f"RCPT TO:<{address}>")
    if reply[0] != "2" or lab_id is None:
        return reply
    reply = session.command("DATA")
    if reply[0] != "3":
        return reply
    if "LAB_CLIENT_FILE" in os.environ:
        return session.command(whole(os.environ["LAB_CLIENT_FILE"], lab_id))
    return session.command(
        f"{fields}From: <{sender}>\r\nTo: <{recipient}>\r\n"
        f"Subject: milter\r\nX-Lab-Id: {lab_id}\r\n\r\ntext\r\n"
        + ("x" * 62 + "\r\n") * (octets // 64) + ".")


def play(host, port, client, sender, recipient, lab_id, login, fields):
    with Session(host, port) as session:
        reply = session.open(client, login)
        if reply is None:
            reply = transaction(session, sender, recipient, lab_id, fields)
        session.sock.sendall(b"QUIT\r\n")
    return reply


def send_share(host, port, client, sender, recipient, numbers, fields):
    taken = 0
    with Session(host, port) as session:
        if session.open(client, None) is None:
            for i in numbers:
                reply = transaction(session, sender.replace("#", str(i)),
                                    recipient, f"many-{i}", fields)
                taken += reply[0] == "2"
        session.sock.sendall(b"QUIT\r\n")
    return taken


def send_many(host, port, client, sender, recipient, count, fields):
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        return sum(pool.map(
            lambda i: send_share(host, port, client, sender, recipient,
                                 range(i, int(count), 4), fields), range(4)))


class Load:
    def __init__(self, host, port, seconds, prefix):
        self.host, self.port, self.prefix = host, port, prefix
        self.end = time.monotonic() + seconds
        self.lock = threading.Lock()
        self.counts = collections.Counter()
        self.ids = []

    def count(self, stage, reply):
        with self.lock:
            self.counts[f"{stage} {reply.split(' queued as ')[0]}"] += 1

    def session(self, name):
        with Session(self.host, self.port) as session:
            reply = session.open("192.0.2.1", None)
            if reply is not None:
                self.count("open", reply)
                return
            for i in range(2):
                sender = f"a@{name}-{i}.any.test"
                reply = transaction(session, sender, "nobody@example.test",
                                    None)
                self.count("unknown", reply)
                session.command("RSET")
                lab_id = f"{name}-{i}"
                reply = transaction(session, sender, "alice@example.test",
                                    lab_id)
                self.count("known", reply)
                if reply[0] == "2":
                    with self.lock:
                        self.ids.append(lab_id)
                session.command("RSET")
            session.sock.sendall(b"QUIT\r\n")

    def work(self, number):
        turn = 0
        while time.monotonic() < self.end:
            turn += 1
            try:
                self.session(f"{self.prefix.split('/')[-1]}-{number}-{turn}")
            except OSError as error:
                self.count("open", f"421 {error}")

    def run(self, threads):
        workers = [threading.Thread(target=self.work, args=(i,))
                   for i in range(threads)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
        with open(self.prefix + ".ids", "w", encoding="ascii") as out:
            out.writelines(f"{lab_id}\n" for lab_id in self.ids)
        for what, count in sorted(self.counts.items()):
            print(count, what)


def main(verb, *args):
    if verb == "load":
        host, port, seconds, threads, prefix = args
        Load(host, port, float(seconds), prefix).run(int(threads))
        return
    lab_id = None
    fields = ""
    address, rest = args[:5], list(args[5:])
    if verb == "many":
        fields = "".join(line.rstrip("\n") + "\r\n" for line in sys.stdin)
        print(send_many(*address, rest[0], fields))
        return
    if verb == "send":
        lab_id = rest.pop(0)
        if not sys.stdin.isatty():
            fields = "".join(line.rstrip("\n") + "\r\n" for line in sys.stdin)
    login = rest[0] if rest else None
    try:
        print(play(*address, lab_id, login, fields))
    except OSError as error:
        print(f"421 no connection: {error}")


if __name__ == "__main__":
    if len(sys.argv) < 7:
        sys.exit(__doc__)
    main(*sys.argv[1:])
