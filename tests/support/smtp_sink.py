#!/usr/bin/env python3
"""smtp_sink.py ADDRESS PORT FILE

The rest of the world: takes every message and appends one JSON line for it to
FILE (from, rcpt, subject). A message with an empty sender is a bounce. Exit
status 75 when the address is in use.
"""
import errno
import json
import re
import socketserver
import sys
import threading

SUBJECT = re.compile(rb"^Subject:[ \t]*(.*?)\r?$", re.M | re.I)
LOCK = threading.Lock()


def address(line):
    found = re.search(rb"<([^>]*)>", line)
    return found.group(1).decode("latin-1") if found else ""


class Session(socketserver.StreamRequestHandler):
    timeout = 300
    replies = {b"QUIT": "221 2.0.0 Bye", b"EHLO": "250 sink.test"}

    def say(self, text):
        self.wfile.write(text.encode() + b"\r\n")

    def handle(self):
        sender, recipients = "", []
        self.say("220 sink.test ESMTP")
        for line in iter(lambda: self.rfile.readline(65536), b""):
            verb = line[:4].upper()
            if verb == b"MAIL":
                sender, recipients = address(line), []
            elif verb == b"RCPT":
                recipients.append(address(line))
            elif verb == b"DATA":
                self.say("354 go on")
                self.record(sender, recipients)
            self.say(self.replies.get(verb, "250 2.0.0 Ok"))
            if verb == b"QUIT":
                return

    def record(self, sender, recipients):
        lines = []
        for line in iter(lambda: self.rfile.readline(65536), b""):
            if line == b".\r\n":
                break
            lines.append(line)
        subject = SUBJECT.search(b"".join(lines))
        entry = {"from": sender, "rcpt": recipients,
                 "subject": subject.group(1).decode("latin-1")
                 if subject else ""}
        with LOCK, open(self.server.path, "a", encoding="utf-8") as out:
            out.write(json.dumps(entry) + "\n")


class Sink(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True
    request_queue_size = 100


def main(host, port, path):
    try:
        sink = Sink((host, int(port)), Session)
    except OSError as error:
        sys.exit(75 if error.errno == errno.EADDRINUSE else str(error))
    sink.path = path
    with open(path, "a", encoding="utf-8"):
        pass
    print("ready", flush=True)
    sink.serve_forever()


if __name__ == "__main__":
    try:
        main(*sys.argv[1:4])
    except KeyboardInterrupt:
        pass
