#!/usr/bin/env python3
"""smtp_client.py [--from ADDRESS] [--to-data] HOST PORT SENDER RECIPIENT [ID]

Plays one SMTP session and prints the reply that decided it on one line: the
refusal, or the reply to RCPT (or, with --to-data, to the message). ID becomes
the header X-Lab-Id. Exit status: 0 accepted, 1 refused for good (5xx), 2
refused for now (4xx, or no connection).
"""
import socket
import sys

TIMEOUT_S = 60  # longer than any deadline of the server's side


class Session:
    def __init__(self, host, port, source):
        self.sock = socket.create_connection(
            (host, int(port)), TIMEOUT_S, (source, 0) if source else None)
        self.file = self.sock.makefile("rb")

    def reply(self):
        text = []
        while True:
            line = self.file.readline(4096).decode("latin-1").rstrip("\r\n")
            if not line:
                return 421, "421 connection lost"
            text.append(line[4:])
            if line[3:4] != "-":
                return int(line[:3]), f"{line[:3]} {' '.join(text)}"

    def command(self, line):
        self.sock.sendall(line.encode() + b"\r\n")
        return self.reply()


def play(host, port, sender, recipient, lab_id, to_data, source):
    session = Session(host, port, source)
    code, text = session.reply()
    commands = ["EHLO client.test", f"MAIL FROM:<{sender}>",
                f"RCPT TO:<{recipient}>"]
    if to_data:
        commands.append("DATA")
    for line in commands:
        if code < 400:
            code, text = session.command(line)
    if to_data and code == 354:
        code, text = session.command(
            f"From: <{sender}>\r\nTo: <{recipient}>\r\n"
            f"Subject: test {lab_id}\r\nX-Lab-Id: {lab_id}\r\n\r\ntext\r\n.")
    session.sock.sendall(b"QUIT\r\n")
    return code, text


def main(args):
    source = None
    if args[:1] == ["--from"] and len(args) > 1:
        source, args = args[1], args[2:]
    to_data = args[:1] == ["--to-data"]
    if to_data:
        args = args[1:]
    if len(args) not in (4, 5):
        sys.exit(__doc__)
    lab_id = args[4] if len(args) == 5 else "none"
    try:
        code, text = play(*args[:4], lab_id, to_data, source)
    except OSError as error:
        code, text = 421, f"421 no connection: {error.strerror or error}"
    print(text)
    return 0 if code < 400 else 1 if code >= 500 else 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
