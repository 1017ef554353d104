"""faulty_primary.py - a primary that goes wrong in one way, in a thread.

A fault is a name: "good" (users are known, others are refused with 5.1.1), or

    deaf               connections are not even completed
    mute               connections are taken, and nothing is said
    closed             connections are refused
    hang:VERB          no reply to VERB (GREETING is one) and after it
    drop:VERB          the connection is reset where VERB is to be answered
    drip               one octet a second
    trickle            a greeting of lines without end, one a second
    flood              octets without a line end, as many as are taken
    garbage            lines that are no SMTP
    421                in place of the greeting
    421:VERB           as the reply to VERB
    550:VERB           "550 5.1.1 User unknown" to VERB, not to RCPT
    out-of-turn        "250 2.1.5 Ok" before any command, again and again
    flap               good and closed, FLAP_S each
    empty              the user table is gone, postmaster with it
    empty-postmaster   the same, but postmaster is there

What a RCPT was told is kept: with `accepted` and `refused` a test knows what
evidence there was.
"""
import os
import socket
import struct
import threading
import time

FLAP_S = 5.0
LINGER = struct.pack("ii", 1, 0)  # close sends a reset


class Hangup(Exception):
    """The session is over."""


class FaultyPrimary:
    def __init__(self, host, port, fault, users):
        self.address = (host, port)
        self.users = set(users)
        self.accepted, self.refused = set(), set()
        self.sessions, self.rcpts = 0, 0
        self.lock = threading.Lock()
        self.fault = None
        self.listener = None
        self.fillers = []
        self.begun = time.monotonic()
        self.set(fault)

    # --- what it does now ---------------------------------------------------

    def set(self, fault):
        """Changes the fault; sessions that hang go on hanging."""
        self.close()
        self.fault = fault
        if fault == "deaf":
            self.listen(0)
            self.fill()
        elif fault != "closed":
            self.listen(100)
            threading.Thread(target=self.accept, args=(self.listener,),
                             daemon=True).start()

    def listen(self, backlog):
        self.listener = socket.socket()
        self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.listener.bind(self.address)
        self.listener.listen(backlog)

    def fill(self):
        """With its queue full, the kernel answers no further SYN."""
        for _ in range(4):
            filler = socket.socket()
            filler.setblocking(False)
            filler.connect_ex(self.address)
            self.fillers.append(filler)

    def close(self):
        if self.listener:
            # wakes the thread that accepts
            try:
                self.listener.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
            self.listener.close()
            self.listener = None
        for filler in self.fillers:
            filler.close()
        self.fillers = []

    def is_away(self):
        return (self.fault == "flap" and
                int((time.monotonic() - self.begun) / FLAP_S) % 2 == 1)

    # --- connections --------------------------------------------------------

    def accept(self, listener):
        while True:
            try:
                sock, _ = listener.accept()
            except OSError:
                return
            self.sessions += 1
            threading.Thread(target=self.serve, args=(sock, self.fault),
                             daemon=True).start()

    def serve(self, sock, fault):
        sock.settimeout(60)
        try:
            with sock:
                self.play(sock, fault)
        except (OSError, Hangup):
            pass

    def play(self, sock, fault):
        whole = {"mute": self.hang, "trickle": self.trickle,
                 "flood": self.flood, "garbage": self.garbage,
                 "out-of-turn": self.out_of_turn}
        if self.is_away():
            self.reset(sock)
        if fault in whole:
            whole[fault](sock)
        self.reply(sock, fault, "GREETING", "220 primary.test ESMTP")
        lines = sock.makefile("rb")
        for line in iter(lambda: lines.readline(4096), b""):
            if self.is_away():
                self.reset(sock)
            self.command(sock, fault, line.decode("latin-1").strip())

    def command(self, sock, fault, line):
        verb = line[:4].upper()
        if verb == "RCPT":
            self.rcpt(sock, fault, line)
            return
        text = {"EHLO": "250-primary.test\r\n250-PIPELINING\r\n250 SIZE 1000000",
                "QUIT": "221 2.0.0 Bye"}.get(verb, "250 2.0.0 Ok")
        self.reply(sock, fault, verb, text)
        if verb == "QUIT":
            raise Hangup

    def rcpt(self, sock, fault, line):
        name = line.partition("<")[2].partition("@")[0]
        known = name in self.users or name == "postmaster"
        if fault.startswith("empty"):
            known = fault == "empty-postmaster" and name == "postmaster"
        self.rcpts += 1
        if fault not in ("hang:RCPT", "drop:RCPT", "421:RCPT"):
            # before it is sent: a verdict cannot be there sooner
            with self.lock:
                (self.accepted if known else self.refused).add(name)
        self.reply(sock, fault, "RCPT", "250 2.1.5 Ok" if known else
                   "550 5.1.1 User unknown")

    def reply(self, sock, fault, verb, text):
        kind, _, at = fault.partition(":")
        if at == verb or (fault == "421" and verb == "GREETING"):
            if kind == "hang":
                self.hang(sock)
            elif kind == "drop":
                self.reset(sock)
            elif kind == "421":
                sock.sendall(b"421 4.3.2 Closing\r\n")
                raise Hangup
            elif kind == "550" and verb != "RCPT":
                text = "550 5.1.1 User unknown"
        octets = text.encode() + b"\r\n"
        if fault == "drip":
            for octet in octets:
                sock.sendall(bytes([octet]))
                time.sleep(1)
        else:
            sock.sendall(octets)

    # --- ways to go wrong ---------------------------------------------------

    @staticmethod
    def reset(sock):
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, LINGER)
        raise Hangup

    @staticmethod
    def hang(sock):
        while sock.recv(4096):
            pass
        raise Hangup

    @staticmethod
    def trickle(sock):
        while True:
            sock.sendall(b"220-still here\r\n")
            time.sleep(1)

    @staticmethod
    def flood(sock):
        while True:
            sock.sendall(b"2" * 65536)

    @staticmethod
    def garbage(sock):
        sock.sendall(b"220\x00\xff\r\n\r\nxyz\r\n250\r\n999 what\r\n")
        while True:
            sock.sendall(os.urandom(400) + b"\r\n")
            time.sleep(0.05)

    @staticmethod
    def out_of_turn(sock):
        sock.sendall(b"220 primary.test ESMTP\r\n")
        while True:
            sock.sendall(b"250 2.1.5 Ok\r\n" * 10)
            time.sleep(0.05)
