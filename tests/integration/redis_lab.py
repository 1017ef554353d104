"""Redis servers, Sentinels, a Cluster and the driver, for tests."""

import os
import queue
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")


def skip(reason):
    print("skipped: " + reason)
    sys.exit(77)


def free_port(span=0):
    """A port that nobody listens on; with span also the one span above."""
    for _ in range(200):
        with socket.socket() as first:
            first.bind(("127.0.0.1", 0))
            port = first.getsockname()[1]
            if not span:
                return port
            if port + span > 65535:
                continue
            with socket.socket() as second:
                try:
                    second.bind(("127.0.0.1", port + span))
                    return port
                except OSError:
                    continue
    raise RuntimeError("no free port")


def until(what, check, seconds=10):
    """Waits until check() is true; how long that took."""
    begin = time.monotonic()
    while True:
        got = check()
        if got:
            return time.monotonic() - begin
        if time.monotonic() - begin > seconds:
            raise AssertionError("not within %g s: %s" % (seconds, what))
        time.sleep(0.02)


class Server:
    """One redis-server, in a folder of its own."""

    def __init__(self, lab, name, *options, sentinel=False, tls=False):
        self.lab = lab
        self.folder = os.path.join(lab.folder, name)
        os.makedirs(self.folder, exist_ok=True)
        self.cluster = "--cluster-enabled" in options
        self.port = free_port(10000 if self.cluster else 0)
        self.socket = os.path.join(self.folder, "s")
        self.config = os.path.join(self.folder, "redis.conf")
        with open(self.config, "a", encoding="ascii"):
            pass
        port = "--tls-port" if tls else "--port"
        self.argv = ["redis-server", self.config, port, str(self.port),
                     "--unixsocket", self.socket, "--bind", "127.0.0.1",
                     "--dir", self.folder, "--save", "",
                     "--logfile", os.path.join(self.folder, "log")]
        if tls:
            self.argv += ["--port", "0"]
        self.argv += list(options)
        if sentinel:
            self.argv.append("--sentinel")
        self.process = None
        lab.servers.append(self)
        self.start()

    @property
    def address(self):
        return "127.0.0.1:%d" % self.port

    def start(self):
        self.process = subprocess.Popen(self.argv, stdout=subprocess.DEVNULL,
                                        stderr=subprocess.DEVNULL)
        until("a server that answers", self.answers)

    def answers(self):
        # Not its PONG: a password may be asked for.
        return self.cli("PING") != ""

    def cli(self, *words):
        ran = subprocess.run(["redis-cli", "-s", self.socket, *words],
                             capture_output=True, text=True, check=False)
        return ran.stdout.strip()

    def kill(self):
        self.process.kill()
        self.process.wait()

    def signal(self, number):
        self.process.send_signal(number)

    def stop(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGCONT)
            self.process.kill()
            self.process.wait()


class Proxy:
    """tests/support/fault_proxy.py before a server."""

    def __init__(self, lab, target):
        self.control = os.path.join(lab.folder, "control%d" % len(lab.children))
        self.set()
        self.process = subprocess.Popen(
            [sys.executable, "-B",
             os.path.join(ROOT, "tests", "support", "fault_proxy.py"),
             "127.0.0.1:0", target, self.control],
            stdout=subprocess.PIPE, text=True)
        lab.children.append(self.process)
        self.address = self.process.stdout.readline().strip()

    def set(self, *lines):
        with open(self.control + ".new", "w", encoding="ascii") as file:
            file.write("\n".join(lines) + "\n")
        os.replace(self.control + ".new", self.control)


class Driver:
    """redis_driver; its lines are read by a thread."""

    def __init__(self, lab, *settings):
        self.process = subprocess.Popen(
            [lab.driver, *settings], stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, text=True)
        lab.children.append(self.process)
        self.lines = queue.Queue()
        threading.Thread(target=self.read, daemon=True).start()

    def read(self):
        for line in self.process.stdout:
            self.lines.put(line.rstrip("\n"))

    def tell(self, line):
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()

    def hear(self, begins, seconds=10):
        """The next line that begins so; others are dropped."""
        end = time.monotonic() + seconds
        while True:
            try:
                line = self.lines.get(timeout=max(0, end - time.monotonic()))
            except queue.Empty:
                raise AssertionError(
                    "no line \"%s...\" (exit status %s)"
                    % (begins, self.process.poll())) from None
            if line.startswith(begins):
                return line

    def ask(self, words):
        """The reply, or "failed ..."."""
        self.tell("ask " + words)
        line = self.hear(("answer ", "failed "))
        return line.removeprefix("answer ")

    def state(self):
        self.tell("state")
        line = self.hear("state ").removeprefix("state ")
        line, error = line.split(" error=", 1)
        state = dict(word.split("=", 1) for word in line.split(" "))
        state["error"] = error
        return state

    def wait_up(self, seconds=10):
        return until("up", lambda: self.state()["up"] == "1", seconds)

    def load(self):
        """Ends the load; its counts."""
        self.tell("stop")
        line = self.hear("load ").removeprefix("load ")
        return {name: int(value) for name, value in
                (word.split("=") for word in line.split(" "))}

    def end(self):
        """Its exit status: a sanitizer's report is one."""
        self.process.stdin.close()
        return self.process.wait(10)


class Lab:
    def __init__(self, folder, driver):
        self.folder = folder
        self.driver = driver
        self.servers = []
        self.children = []

    def fill(self, server, *options, count=1000):
        words = "".join("SET key:%d value:%d\n" % (i, i)
                        for i in range(count))
        subprocess.run(["redis-cli", "-p", str(server.port), *options],
                       input=words, capture_output=True, text=True,
                       check=True)

    def close(self):
        for child in self.children:
            if child.poll() is None:
                child.kill()
            child.wait()
        for server in self.servers:
            server.stop()
        shutil.rmtree(self.folder, ignore_errors=True)


def certificate(folder, name, authority=None, ip=None):
    """A key and a certificate; signed by authority or by itself."""
    base = os.path.join(folder, name)
    subject = ["-subj", "/CN=" + name]
    names = "subjectAltName=DNS:%s%s" % (name, ",IP:" + ip if ip else "")
    argv = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes",
            "-days", "2", "-keyout", base + ".key", "-out", base + ".pem",
            *subject]
    if authority:
        argv += ["-addext", names, "-CA", authority + ".pem", "-CAkey",
                 authority + ".key"]
    subprocess.run(argv, capture_output=True, check=True)
    return base
