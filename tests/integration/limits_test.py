#!/usr/bin/env python3
"""limits_test.py POLICYD: policyd with too many clients, and with bad ones.

2,000 idle connections do not slow down 100 busy ones into their deadline; a
client that never finishes its request is cut; with 64 descriptors and 500
clients it neither spins nor forgets to accept again. No figure is asserted
but the protocol's own deadlines and "the processor is not busy with nothing".
Run as root; exit status 77 when that is not so.
"""
import os
import pwd
import resource
import select
import signal
import socket
import subprocess
import sys
import tempfile
import time

USER = "nobody"
REPLY_S = 5.0      # policyd's deadline for one reply
REQUEST_S = 30     # an unfinished request ends its connection
SLACK_S = 20       # for a machine that is busy otherwise
IDLE, BUSY = 2000, 100

REQUEST = ("request=smtpd_access_policy\nprotocol_state=RCPT\n"
           "sender=a@world.test\nrecipient={}\nclient_address=192.0.2.7\n"
           "instance=limits.1\nsize=0\n\n")
CONFIG = """
hostname = "backup.example.test"
state_dir = "{dir}/state"
policyd {{
	listen = {{"unix:{dir}/state/policyd.sock"}}
	socket_group = ""
	metrics = ""
	control = ""
}}
domain "example.test" {{
	recipients = "file:{dir}/list"
	call_ahead = false
}}
"""


class Failed(Exception):
    pass


class Policyd:
    """A policyd of our own, with a limit of descriptors or without."""

    started = []  # processes, so that a failed test leaves none

    def __init__(self, program, directory, descriptors=None):
        self.path = os.path.join(directory, "state", "policyd.sock")

        def limit():
            if descriptors:
                resource.setrlimit(resource.RLIMIT_NOFILE,
                                   (descriptors, descriptors))

        with open(os.path.join(directory, "log"), "ab") as log:
            self.process = subprocess.Popen(
                [program, "-f", "-u", USER, "-c",
                 os.path.join(directory, "conf")],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                preexec_fn=limit)
        Policyd.started.append(self.process)
        self.wait_ready()

    def wait_ready(self):
        end = time.monotonic() + SLACK_S
        while time.monotonic() < end:
            try:
                if self.ask("alice@example.test") == "DUNNO":
                    return
            except OSError:
                pass
            time.sleep(0.1)
        raise Failed("policyd did not start")

    def connect(self, timeout_s=REPLY_S + SLACK_S):
        sock = socket.socket(socket.AF_UNIX)
        sock.settimeout(timeout_s)
        sock.connect(self.path)
        return sock

    def ask(self, recipient):
        with self.connect() as sock:
            return ask(sock, recipient)

    def cpu_s(self):
        with open(f"/proc/{self.process.pid}/stat", encoding="ascii") as file:
            fields = file.read().rpartition(")")[2].split()
        ticks = int(fields[11]) + int(fields[12])
        return ticks / os.sysconf("SC_CLK_TCK")

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(SLACK_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise Failed("SIGTERM did not end policyd") from None


def read_reply(sock):
    data = b""
    while not data.endswith(b"\n\n"):
        part = sock.recv(4096)
        if not part:
            raise ConnectionError("closed without a reply")
        data += part
    return data.decode().strip().partition("action=")[2]


def ask(sock, recipient):
    sock.sendall(REQUEST.format(recipient).encode())
    return read_reply(sock)


def expect(name, got, want):
    if got != want:
        raise Failed(f"{name}: got {got!r}, want {want!r}")


def close_all(socks):
    for sock in socks:
        sock.close()


def test_idle_and_busy(program, directory):
    policyd = Policyd(program, directory)
    idle = [policyd.connect() for _ in range(IDLE)]
    busy = [policyd.connect() for _ in range(BUSY)]
    for turn in range(20):
        for i, sock in enumerate(busy):
            known = (i + turn) % 3 != 0
            sock.sendall(REQUEST.format("alice@example.test" if known else
                                        "nobody@example.test").encode())
        for i, sock in enumerate(busy):
            known = (i + turn) % 3 != 0
            expect("a busy connection", read_reply(sock),
                   "DUNNO" if known else "550 5.1.1 User unknown")
    for sock in idle[::100]:
        expect("an idle connection, when it asks",
               ask(sock, "alice@example.test"), "DUNNO")
    close_all(idle + busy)
    policyd.stop()


def test_dripper(program, directory):
    """One byte a second never ends a request, nor does silence amid one."""
    policyd = Policyd(program, directory)
    patient = policyd.connect()  # idle between requests: kept
    expect("before", ask(patient, "alice@example.test"), "DUNNO")
    dripping = [policyd.connect() for _ in range(20)]
    silent = [policyd.connect() for _ in range(20)]
    for sock in silent:
        sock.sendall(b"request=smtpd_access_policy\nrecip")
    open_socks, begun = set(dripping + silent), time.monotonic()
    while open_socks and time.monotonic() < begun + REQUEST_S + SLACK_S:
        for sock in set(dripping) & open_socks:
            try:
                sock.sendall(b"x")
            except OSError:
                open_socks.discard(sock)
        readable, _, _ = select.select(list(open_socks), [], [], 1)
        for sock in readable:
            if closed(sock):
                open_socks.discard(sock)
    took = time.monotonic() - begun
    expect("unfinished requests that were not cut", len(open_socks), 0)
    if took < REQUEST_S - 2:
        raise Failed(f"cut after {took:.0f} s: earlier than {REQUEST_S} s")
    expect("the patient one", ask(patient, "alice@example.test"), "DUNNO")
    close_all([patient] + dripping + silent)
    policyd.stop()


def closed(sock):
    try:
        return sock.recv(1) == b""
    except OSError:
        return True


def test_few_descriptors(program, directory):
    policyd = Policyd(program, directory, descriptors=64)
    socks = [policyd.connect() for _ in range(500)]
    for sock in socks:
        sock.setblocking(False)
    before, pause_s = policyd.cpu_s(), 5
    time.sleep(pause_s)
    share = (policyd.cpu_s() - before) / pause_s
    if share > 0.5:  # a spin takes all of a processor
        raise Failed(f"policyd takes {share:.0%} of a processor for nothing")
    close_all(socks)
    end, answer = time.monotonic() + SLACK_S, None
    while answer != "DUNNO" and time.monotonic() < end:
        try:
            answer = policyd.ask("alice@example.test")
        except OSError:
            time.sleep(0.2)
    expect("after they have gone", answer, "DUNNO")
    expect("and the unknown", policyd.ask("nobody@example.test"),
           "550 5.1.1 User unknown")
    policyd.stop()


TESTS = (test_idle_and_busy, test_dripper, test_few_descriptors)


def prepare(directory):
    owner = pwd.getpwnam(USER)
    os.chmod(directory, 0o755)
    os.mkdir(os.path.join(directory, "state"))
    os.chown(os.path.join(directory, "state"), owner.pw_uid, owner.pw_gid)
    with open(os.path.join(directory, "list"), "w", encoding="ascii") as file:
        file.write("alice@example.test\nbob@example.test\n")
    with open(os.path.join(directory, "conf"), "w", encoding="ascii") as file:
        file.write(CONFIG.format(dir=directory))


def end_started():
    for process in Policyd.started:
        if process.poll() is None:
            process.kill()
            process.wait()
    Policyd.started.clear()


def run(test, program):
    with tempfile.TemporaryDirectory(prefix="backupmx.",
                                     dir="/tmp") as directory:
        prepare(directory)
        try:
            test(program, directory)
        except (Failed, OSError) as error:
            print(f"FAIL {test.__name__}: {error}")
            with open(os.path.join(directory, "log"), "rb") as log:
                tail = log.read()[-2000:]
            print(tail.decode("utf-8", "replace"))
            return False
        finally:
            end_started()
    print(f"ok   {test.__name__}")
    return True


def main(program):
    if os.getuid() != 0:
        print("skipped: this test needs: root rights")
        return 77
    if not os.access(program, os.X_OK):
        print(f"skipped: this test needs: {program}")
        return 77
    need = IDLE + BUSY + 100
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < need:
        resource.setrlimit(resource.RLIMIT_NOFILE, (need, max(need, hard)))
    results = [run(test, program) for test in TESTS]
    print(f"{sum(results)} checks passed, "
          f"{len(results) - sum(results)} failed", flush=True)
    return 0 if all(results) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
