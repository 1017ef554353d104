#!/usr/bin/env python3
"""restart_test.py POLICYD: the daemons under a service manager.

The test is what systemd would be: it holds the listening sockets, passes them
(LISTEN_FDS), and is told how the daemons do (NOTIFY_SOCKET, WATCHDOG_USEC).
Clients that behave as Postfix do, with a connection that they keep and two
tries for a request, see no refused connection and lose no request however
often a daemon is ended, or killed. The watchdog is told only by a daemon that
serves.
"""
import contextlib
import os
import pwd
import resource
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time

POLICYD = sys.argv[1]
MILTER = os.path.join(os.path.dirname(POLICYD), "../milter/backupmx-milter")
SLOW_S = 60        # for a machine that is busy otherwise
RESTARTS = 6
CLIENTS = 8
WATCHDOG_S = 2

REQUEST = ("request=smtpd_access_policy\nprotocol_state=RCPT\n"
           "sender=a@world.test\nrecipient={}\nclient_address=192.0.2.7\n"
           "instance=restart.1\nsize=0\n\n")
# Version 6, all actions, no steps left out.
NEGOTIATION = bytes.fromhex("0000000d4f00000006000001ff00000000")
CONFIG = """
hostname = "backup.example.test"
state_dir = "{dir}"
policyd {{
	listen = {{"unix:{dir}/policyd.sock", "inet:127.0.210.1:{port}",
	          "unix:{dir}/own.sock"}}
	socket_group = ""
	metrics = ""
	control = ""
}}
milter {{
	listen = "unix:{dir}/milter.sock"
	socket_group = ""
	metrics = ""
	policy = ""
	bounce_guard = "off"
}}
domain "example.test" {{
	recipients = "file:{dir}/list"
	call_ahead = false
}}
"""
failed = []


def check(name, good, seen=""):
    print(f"{'ok  ' if good else 'FAIL'} {name}" +
          (f"\n     seen: {seen}" if not good else ""), flush=True)
    if not good:
        failed.append(name)


class Bench:
    """Sockets, a configuration, and what the daemons tell."""

    def __init__(self, directory):
        self.dir = directory
        self.policy = self.listen(socket.AF_UNIX, f"{directory}/policyd.sock")
        self.inet = self.listen(socket.AF_INET, ("127.0.210.1", 0))
        self.milter = self.listen(socket.AF_UNIX, f"{directory}/milter.sock")
        self.stranger = self.listen(socket.AF_UNIX, f"{directory}/stranger")
        self.notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.notify.bind(f"{directory}/notify")
        self.config = f"{directory}/backupmx.conf"
        with open(self.config, "w") as file:
            file.write(CONFIG.format(dir=directory,
                                     port=self.inet.getsockname()[1]))
        with open(f"{directory}/list", "w") as file:
            file.writelines(f"user{i}@example.test\n" for i in range(100))

    @staticmethod
    def listen(family, address):
        sock = socket.socket(family)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind(address)
        sock.listen(4096)
        return sock

    def start(self, program, sockets):
        fds = [sock.fileno() for sock in sockets]

        def prepare():
            high = [os.dup(fd) for fd in fds]  # none is overwritten below
            for i, fd in enumerate(high):
                os.dup2(fd, 3 + i, inheritable=True)
            os.environ["LISTEN_PID"] = str(os.getpid())
            os.environ["WATCHDOG_PID"] = str(os.getpid())
            os.execve(program, [program, "-f", "-c", self.config], os.environ)

        environment = dict(NOTIFY_SOCKET=f"{self.dir}/notify",
                           WATCHDOG_USEC=str(WATCHDOG_S * 1000000))
        if fds:
            environment["LISTEN_FDS"] = str(len(fds))
        log = open(f"{self.dir}/log", "a")
        child = os.fork()
        if child == 0:
            try:
                os.environ.clear()
                os.environ.update(environment)
                os.dup2(log.fileno(), 2)
                for fd in range(0, 3):
                    os.set_inheritable(fd, True)
                prepare()
            finally:
                os._exit(127)
        log.close()
        return child

    def told(self, word, seconds=SLOW_S):
        """Waits until a daemon says word; False when it does not."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            if select.select([self.notify], [], [], left)[0]:
                if word in self.notify.recv(4096).decode().split("\n"):
                    return True
        return False

    def forget(self):
        while select.select([self.notify], [], [], 0)[0]:
            self.notify.recv(4096)

    def log(self):
        with open(f"{self.dir}/log") as file:
            return "".join(line for line in file if "ev=decision" not in line)


def end(child, number=signal.SIGTERM):
    """The exit status, or minus the signal that ended it."""
    os.kill(child, number)
    limit = time.monotonic() + SLOW_S
    while time.monotonic() < limit:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.01)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return None


def read_to(sock, is_whole):
    data = b""
    while not is_whole(data):
        part = sock.recv(4096)
        if not part:
            raise EOFError
        data += part
    return data


def ask_policy(sock, number):
    known = number % 2 == 0
    user = f"user{number % 100}" if known else f"nobody{number}"
    sock.sendall(REQUEST.format(f"{user}@example.test").encode())
    answer = read_to(sock, lambda data: data.endswith(b"\n\n"))
    return answer == (b"action=DUNNO\n\n" if known else
                      b"action=550 5.1.1 User unknown\n\n")


def ask_milter(sock, _):
    sock.sendall(NEGOTIATION)
    return read_to(sock, lambda data: len(data) >= 5)[4:5] == b"O"


class Client(threading.Thread):
    """Keeps a connection for some requests; tries each one a few times."""

    def __init__(self, family, address, ask, keep):
        super().__init__(daemon=True)
        self.family, self.address = family, address
        self.ask, self.keep = ask, keep
        self.answered, self.again, self.slowest = 0, 0, 0.0
        self.bad, self.stop, self.sock, self.used = [], False, None, 0

    def connect(self):
        self.sock = socket.socket(self.family)
        self.sock.settimeout(SLOW_S)
        self.used = 0
        self.sock.connect(self.address)

    def close(self):
        if self.sock:
            self.sock.close()
        self.sock = None

    def one(self, number):
        for _ in range(3):
            try:
                if not self.sock:
                    self.connect()
                good = self.ask(self.sock, number)
                self.used += 1
                if self.used == self.keep:
                    self.close()
                return good
            except (EOFError, ConnectionResetError, BrokenPipeError):
                self.close()
                self.again += 1
        return False

    def run(self):
        number = 0
        while not self.stop:
            began = time.monotonic()
            try:
                good = self.one(number)
            except OSError as error:  # refused, or no socket, or no answer
                self.bad.append(repr(error))
                self.close()
                continue
            if not good:
                self.bad.append(f"request {number}")
            self.answered += good
            self.slowest = max(self.slowest, time.monotonic() - began)
            number += 1
        self.close()


@contextlib.contextmanager
def load(name, places, ask, keep):
    clients = [Client(*places[i % len(places)], ask, keep)
               for i in range(CLIENTS)]
    for client in clients:
        client.start()
    yield clients
    for client in clients:
        client.stop = True
    for client in clients:
        client.join(2 * SLOW_S)
    bad = [text for client in clients for text in client.bad]
    answered = sum(client.answered for client in clients)
    check(f"{name}: every request was answered, no connection refused",
          not bad and answered > 0, f"{answered} answered, not: {bad[:5]}")
    print(f"     {answered} requests, {sum(c.again for c in clients)} asked "
          f"again, slowest {max(c.slowest for c in clients):.2f} s")


def wait_answers(clients):
    """Each client has had a new answer."""
    want = [client.answered + 1 for client in clients]
    limit = time.monotonic() + SLOW_S
    while time.monotonic() < limit:
        if all(c.answered >= w for c, w in zip(clients, want)):
            return True
        time.sleep(0.01)
    return False


def restart(bench, name, program, sockets, clients, child):
    for i in range(RESTARTS):
        number = signal.SIGKILL if i % 3 == 2 else signal.SIGTERM
        status = end(child, number)
        if number == signal.SIGTERM:
            check(f"{name}: ends with 0 when told to", status == 0, status)
        bench.forget()
        child = bench.start(program, sockets)
        check(f"{name}: start {i + 2} is told", bench.told("READY=1"))
        check(f"{name}: all clients go on", wait_answers(clients))
    return child


def test_policyd(bench):
    sockets = [bench.stranger, bench.inet, bench.policy]
    child = bench.start(POLICYD, sockets)
    check("policyd: is ready", bench.told("READY=1"))
    check("policyd: the socket that was not passed is its own",
          os.path.exists(f"{bench.dir}/own.sock"))
    log = bench.log()
    check("policyd: names the one that is not configured",
          f"ev=socket-not-configured err=unix:{bench.dir}/stranger" in log,
          log)
    places = [(socket.AF_UNIX, f"{bench.dir}/policyd.sock"),
              (socket.AF_INET, bench.inet.getsockname())]
    wait_list(bench)
    with load("policyd", places, ask_policy, 20) as clients:
        wait_answers(clients)
        child = restart(bench, "policyd", POLICYD, sockets, clients, child)
    bench.forget()
    check("policyd: feeds the watchdog", bench.told("WATCHDOG=1"))
    os.kill(child, signal.SIGSTOP)
    bench.forget()
    check("policyd: does not when it stands still",
          not bench.told("WATCHDOG=1", 2 * WATCHDOG_S))
    os.kill(child, signal.SIGCONT)
    check("policyd: feeds it again", bench.told("WATCHDOG=1"))
    check("policyd: ends", end(child) == 0)
    check("policyd: says so", bench.told("STOPPING=1"))
    check("policyd: leaves the passed path",
          os.path.exists(f"{bench.dir}/policyd.sock"))
    check("policyd: removes its own path",
          not os.path.exists(f"{bench.dir}/own.sock"))


def wait_list(bench):
    limit = time.monotonic() + SLOW_S
    while time.monotonic() < limit:
        with socket.socket(socket.AF_UNIX) as sock:
            sock.settimeout(SLOW_S)
            sock.connect(f"{bench.dir}/policyd.sock")
            if ask_policy(sock, 1):
                return
        time.sleep(0.05)
    check("policyd: has its list", False)


def test_milter(bench):
    child = bench.start(MILTER, [bench.milter])
    check("milter: is ready", bench.told("READY=1"))
    places = [(socket.AF_UNIX, f"{bench.dir}/milter.sock")]
    with load("milter", places, ask_milter, 1) as clients:
        wait_answers(clients)
        child = restart(bench, "milter", MILTER, [bench.milter], clients,
                        child)
    bench.forget()
    check("milter: feeds the watchdog", bench.told("WATCHDOG=1"))
    # Descriptors run out: it is there, its threads run, and it serves nobody.
    limits = resource.prlimit(child, resource.RLIMIT_NOFILE)
    resource.prlimit(child, resource.RLIMIT_NOFILE, (3, limits[1]))
    bench.told("WATCHDOG=1", WATCHDOG_S)  # of a session that was under way
    bench.forget()
    check("milter: does not when it cannot serve",
          not bench.told("WATCHDOG=1", 2 * WATCHDOG_S))
    resource.prlimit(child, resource.RLIMIT_NOFILE, limits)
    check("milter: feeds it again", bench.told("WATCHDOG=1"))
    os.kill(child, signal.SIGUSR1)
    check("milter: a reload is told", bench.told("READY=1"))
    check("milter: ends, nobody connecting", end(child) == 0)
    check("milter: leaves the passed path",
          os.path.exists(f"{bench.dir}/milter.sock"))
    bench.milter.close()
    child = bench.start(MILTER, [])
    check("milter: takes the place of a dead socket", bench.told("READY=1"))
    check("milter: ends on a socket of its own", end(child) == 0)
    check("milter: its path is gone",
          not os.path.exists(f"{bench.dir}/milter.sock"))


def test_two(bench):
    """Without a manager: as ever, a second one is refused."""
    bench.policy.close()
    bench.inet.close()
    first = bench.start(POLICYD, [])
    check("alone: takes the place of a dead socket", bench.told("READY=1"))
    second = subprocess.run([POLICYD, "-f", "-c", bench.config],
                            capture_output=True, text=True, timeout=SLOW_S)
    check("alone: a second one says who is there", second.returncode == 69 and
          "another process listens there" in second.stderr, second.stderr)
    check("alone: ends", end(first) == 0)
    check("alone: its path is gone",
          not os.path.exists(f"{bench.dir}/policyd.sock"))
    bad = subprocess.run(["/bin/sh", "-c", 'LISTEN_PID=$$ exec "$0" "$@"',
                          POLICYD, "-f", "-c", bench.config],
                         env={"LISTEN_FDS": "x"}, capture_output=True,
                         text=True, timeout=SLOW_S)
    check("a LISTEN_FDS that cannot be is an error", bad.returncode != 0 and
          "LISTEN_FDS is wrong" in bad.stderr, bad.stderr)


def main():
    directory = tempfile.mkdtemp(prefix="bmx-restart-")
    if os.geteuid() == 0:
        shutil.chown(directory, "nobody")
        os.setgroups([])
        nobody = pwd.getpwnam("nobody")
        os.setresgid(nobody.pw_gid, nobody.pw_gid, nobody.pw_gid)
        os.setresuid(nobody.pw_uid, nobody.pw_uid, nobody.pw_uid)
    bench = Bench(directory)
    try:
        test_policyd(bench)
        test_milter(bench)
        test_two(bench)
    finally:
        if failed:
            print(bench.log(), file=sys.stderr)
        shutil.rmtree(directory, ignore_errors=True)
    print(f"{len(failed)} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
