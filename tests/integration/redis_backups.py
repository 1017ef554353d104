"""Backups that share a Redis, a publisher and look-ups, for tests.

On top of redis_lab.py: real policyds, `backupmxctl publish`, a primary that
can be asked (tests/support/smtp_primary.py) and tests/support/policy_load.py.
"""
import json
import os
import pwd
import re
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request

import redis_lab
from redis_lab import ROOT, until

sys.path.insert(0, os.path.join(ROOT, "tests", "support"))
import policy_client  # noqa: E402

PRIMARY = """primary = {"[127.0.0.1]:%d"}
	tls = "none"
	check_interval = 1s"""

USER = "nobody"
LISTED = "example.test"  # a list in Redis
GATED = "gate.test"      # the same, behind the gate
ASKED = "asked.test"     # no list: call-ahead
ENTRIES = 500
LATEST_MS = 1000
RATE = 1000

CONFIG = """
hostname = "backup.example.test"
state_dir = "{folder}"
policyd {{
	listen = {{"unix:{folder}/policyd.sock"}}
	socket_group = ""
	metrics = "{metrics}"
	control = "unix:{folder}/control.sock"
	on_recovery = {{}}
}}
redis {{
{redis}
}}
domain "{listed}" {{
	recipients = "redis:"
	refresh = 2s
	call_ahead = false
	{primary}
}}
domain "{gated}" {{
	recipients = "redis:"
	refresh = 2s
	primary_up = "gate"
	gate_delay = 1s
	call_ahead = false
	{primary}
}}
domain "{asked}" {{
	probe_rate = 1000
	probe_connections = 5
	{primary}
}}
"""


def own(path):
    if os.geteuid() == 0:
        entry = pwd.getpwnam(USER)
        os.chown(path, entry.pw_uid, entry.pw_gid)


class Backup:
    """A policyd with lists from Redis and shared records."""

    def __init__(self, lab, name, *redis, start=True):
        self.lab = lab
        self.folder = os.path.join(lab.folder, name)
        self.conf = self.folder + ".conf"
        self.log = self.folder + ".log"
        self.port = redis_lab.free_port()
        self.process = None
        os.makedirs(self.folder)
        own(self.folder)
        self.configure(*redis)
        lab.backups.append(self)
        if start:
            self.start()

    def configure(self, *redis):
        """redis: lines of the section."""
        with open(self.conf, "w", encoding="ascii") as file:
            file.write(CONFIG.format(
                folder=self.folder, redis="\n".join(redis), listed=LISTED,
                gated=GATED, asked=ASKED,
                primary=PRIMARY % self.lab.primary_port,
                metrics="inet:127.0.0.1:%d" % self.port))

    def start(self):
        words = [self.lab.policyd, "-f", "-c", self.conf]
        if os.geteuid() == 0:
            words += ["-u", USER]
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(words, stdin=subprocess.DEVNULL,
                                            stdout=log, stderr=log)
        until("policyd starts", lambda: self.ask("x@" + LISTED) is not None)

    def ask(self, address, client="192.0.2.7"):
        try:
            with socket.socket(socket.AF_UNIX) as sock:
                sock.settimeout(20)
                sock.connect(os.path.join(self.folder, "policyd.sock"))
                request = policy_client.REQUEST.format(address)
                sock.sendall(request.replace("192.0.2.7", client).encode())
                return sock.recv(4096).decode().strip().partition("=")[2]
        except OSError:
            return None

    def knows(self, address):
        return self.ask(address) == "DUNNO"

    def ctl(self, *words, **options):
        return subprocess.run([self.lab.ctl, "-c", self.conf, *words],
                              check=False, capture_output=True, text=True,
                              timeout=60, **options)

    def status(self):
        """What policyd says; the command would look at Postfix's queue, too."""
        with socket.socket(socket.AF_UNIX) as sock:
            sock.settimeout(20)
            sock.connect(os.path.join(self.folder, "control.sock"))
            sock.sendall(b"status\n")
            answer = b""
            while part := sock.recv(65536):
                answer += part
        return json.loads(answer)

    def status_text(self):
        """The screen, and each domain at length."""
        names = [one["name"] for one in self.status()["domains"]]
        return self.ctl("status").stdout + "\n".join(
            self.ctl("status", name).stdout for name in names)

    def link(self):
        return self.status()["redis"]

    def up(self):
        return self.link()["up"]

    def alarm(self, domain=LISTED):
        return next(one["sync"]["last_error"] or ""
                    for one in self.status()["domains"]
                    if one["name"] == domain)

    def metric(self, name):
        url = "http://127.0.0.1:%d/metrics" % self.port
        with urllib.request.urlopen(url, timeout=10) as page:
            found = re.search(r"^%s (\S+)$" % re.escape(name),
                              page.read().decode(), re.M)
        return float(found.group(1)) if found else None

    def lines(self):
        """Log lines so far, without decisions."""
        with open(self.log, encoding="utf-8") as log:
            return [line.rstrip("\n") for line in log
                    if "ev=decision" not in line]

    def stop(self):
        if self.process:
            self.process.terminate()
            status = self.process.wait(20)
            self.process = None
            if status != 0:
                raise AssertionError("policyd ended with %d" % status)


class Load:
    """Look-ups against a backup; lists and primary say the same for long."""

    def __init__(self, backup, rate=RATE):
        path = backup.folder + ".rows"
        with open(path, "w", encoding="ascii") as file:
            for i in range(100):
                file.write("user%05d@%s DUNNO\n" % (i, LISTED))
                file.write("nobody%d@%s 550 5.1.1\n" % (i, LISTED))
            for i in range(30):
                file.write("user%05d@%s DUNNO|451 4.3.2\n" % (i, GATED))
                file.write("nobody%d@%s 550 5.1.1\n" % (i, GATED))
            for _ in range(8):
                file.write("known%%@%s DUNNO|DEFER\n" % ASKED)
                file.write("other%%@%s 550 5.1.1|DEFER\n" % ASKED)
            for i in range(20):
                file.write("known.%d@%s DUNNO|DEFER\n" % (i, ASKED))
        self.process = subprocess.Popen(
            [sys.executable, "-B",
             os.path.join(ROOT, "tests", "support", "policy_load.py"),
             os.path.join(backup.folder, "policyd.sock"), str(rate), path],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        backup.lab.children.append(self.process)
        self.total = {"asked": 0, "wrong": 0, "longest_ms": 0}

    def check(self, what, latest_ms=LATEST_MS):
        """Since the last check no answer was wrong or late."""
        self.process.stdin.write("report\n")
        self.process.stdin.flush()
        counts = json.loads(self.process.stdout.readline())
        print("    %-22s %5d look-ups, %d wrong, %4d deferred, longest %d ms "
              "(own pause %d)" % (what, counts["asked"], counts["wrong"],
                                  counts["deferred"], counts["longest_ms"],
                                  counts["pause_ms"]), flush=True)
        for name in ("asked", "wrong"):
            self.total[name] += counts[name]
        self.total["longest_ms"] = max(self.total["longest_ms"],
                                       counts["longest_ms"])
        if counts["wrong"] or not counts["asked"]:
            raise AssertionError("%s: wrong: %s" % (what, counts))
        if counts["longest_ms"] > latest_ms + counts["pause_ms"]:
            raise AssertionError("%s: an answer took %d ms"
                                 % (what, counts["longest_ms"]))

    def end(self):
        self.process.stdin.close()
        self.process.wait(10)


class Lab(redis_lab.Lab):
    def __init__(self, folder, policyd):
        super().__init__(folder, None)
        os.chmod(folder, 0o755)
        self.policyd = policyd
        self.ctl = os.path.join(os.path.dirname(policyd), "..", "ctl",
                                "backupmxctl")
        self.backups = []
        self.locals = ["user%05d" % i for i in range(ENTRIES)]
        self.primary = subprocess.Popen(
            [sys.executable, "-B",
             os.path.join(ROOT, "tests", "support", "smtp_primary.py")],
            stdout=subprocess.PIPE, text=True)
        self.children.append(self.primary)
        self.primary_port = int(self.primary.stdout.readline())

    def server(self, name, *options, **more):
        server = redis_lab.Server(self, name, "--unixsocketperm", "777",
                                  *options, **more)
        os.chmod(server.folder, 0o755)
        return server

    def publisher(self, *redis, name="publisher"):
        """A configuration to publish with: no daemon runs by it."""
        return Backup(self, name, *redis, start=False)

    def publish(self, publisher, *words, domains=(LISTED, GATED), status=0):
        for domain in domains:
            path = os.path.join(self.folder, domain + ".list")
            with open(path, "w", encoding="ascii") as file:
                file.writelines("%s@%s\n" % (local, domain)
                                for local in self.locals)
            out = publisher.ctl("publish", domain, "--from", "file:" + path,
                                *words)
            if out.returncode != status:
                raise AssertionError("publish ended with %d: %s%s" % (
                    out.returncode, out.stdout, out.stderr))
        return out.stdout + out.stderr

    def change(self, publisher, name, backup, *words, seconds=15):
        """A new user, published; until the backup knows him."""
        self.locals[ENTRIES - 1] = name
        self.publish(publisher, *words)
        return until("%s is in force" % name, lambda: all(
            backup.ask("%s@%s" % (name, domain), "192.0.2.7")
            in ("DUNNO", "451 4.3.2 The primary MX is up, deliver there")
            for domain in (LISTED, GATED)), seconds)

    def show_logs(self):
        for backup in self.backups:
            if os.path.exists(backup.log):
                print("--- %s" % backup.log)
                print("\n".join(backup.lines()[-30:]))

    def close(self):
        for backup in self.backups:
            if backup.process:
                backup.process.kill()
                backup.process.wait()
        super().close()


def servers(*all_of_them):
    """The line of the section redis."""
    return "servers = {%s}" % ", ".join(
        '"%s"' % (one if isinstance(one, str) else "unix:" + one.socket)
        for one in all_of_them)


def run(test, policyd):
    """One test with a laboratory of its own: did it pass?"""
    lab = Lab(tempfile.mkdtemp(prefix="bmxr-", dir="/tmp"), policyd)
    begin = time.monotonic()
    try:
        test(lab)
        print("ok    %s (%.1f s)" % (test.__name__,
                                     time.monotonic() - begin), flush=True)
        return True
    except (AssertionError, OSError, ValueError,
            subprocess.SubprocessError) as error:
        print("FAIL  %s: %r" % (test.__name__, error), flush=True)
        lab.show_logs()
        return False
    finally:
        lab.close()
