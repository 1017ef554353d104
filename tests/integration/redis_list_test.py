#!/usr/bin/env python3
"""redis_list_test.py POLICYD: a list published in Redis reaches policyd.

A real redis-server with one ACL user for the publisher and one for readers,
`backupmxctl publish` and a real policyd: what is published is in force within
2 s by notification and within 10 s without; a change costs commands as it has
changes; of two publishers one is told; and whatever becomes of the data in
Redis, the local list stays in force and the alarm says what happened. Exit
status 77 when redis-server is not installed.
"""
import json
import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "support"))
import policy_client  # noqa: E402

USER = "nobody"
DOMAIN = "example.test"
META, LOG = "bmx:{example.test}:meta", "bmx:{example.test}:log"
NOTIFIED_S, POLLED_S = 2.0, 10.0
SLACK = float(os.environ.get("REDIS_LIST_SLACK", "1.5"))  # a busy machine
ENTRIES = 2000
GENERATIONS = 50

USERS = os.path.join(HERE, "..", "..", "postfix-examples", "redis", "backup",
                     "users.acl")


def rights_of(user):
    """As docs/redis.md tells people to give them."""
    with open(USERS, encoding="ascii") as file:
        words = next(line.split() for line in file
                     if line.startswith(f"user {user} "))
    return ["on", ">secret"] + words[4:]


CONFIG = """
hostname = "backup.example.test"
state_dir = "{dir}/{name}"
policyd {{
	listen = {{"unix:{dir}/{name}/policyd.sock"}}
	socket_group = ""
	metrics = ""
	control = "unix:{dir}/{name}/control.sock"
}}
redis {{
	servers = {{"unix:{dir}/redis.sock"}}
	username = "{user}"
	password_file = "{dir}/password"
}}
domain "{domain}" {{
	recipients = "redis:"
	refresh = {refresh}
	call_ahead = false
}}
"""


class Failed(Exception):
    pass


class Redis:
    """A redis-server of our own, spoken to in RESP."""

    def __init__(self, directory):
        self.path = os.path.join(directory, "redis.sock")
        self.log = os.path.join(directory, "redis.log")
        self.process = None
        self.sock = None

    def start(self):
        self.process = subprocess.Popen(
            ["redis-server", "--port", "0", "--unixsocket", self.path,
             "--unixsocketperm", "777", "--save", "", "--appendonly", "no",
             "--logfile", self.log, "--dir", os.path.dirname(self.path)],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
        until("redis-server starts", 20, self.connects)
        self("ACL", "SETUSER", "publisher", *rights_of("publisher"))
        self("ACL", "SETUSER", "reader", *rights_of("reader"))

    def connects(self):
        try:
            self.sock = socket.socket(socket.AF_UNIX)
            self.sock.connect(self.path)
            self.file = self.sock.makefile("rb")
            return self("PING") == "PONG"
        except OSError:
            return False

    def __call__(self, *words):
        data = b"*%d\r\n" % len(words)
        for word in words:
            octets = str(word).encode()
            data += b"$%d\r\n%s\r\n" % (len(octets), octets)
        self.sock.sendall(data)
        return self.read()

    def read(self):
        line = self.file.readline()
        kind, rest = line[:1], line[1:].strip()
        if kind == b"+":
            return rest.decode()
        if kind == b"-":
            raise Failed(f"Redis says {rest.decode()}")
        if kind == b":":
            return int(rest)
        if kind == b"$":
            size = int(rest)
            return self.file.read(size + 2)[:-2].decode() if size >= 0 else None
        if kind == b"*":
            return [self.read() for _ in range(int(rest))]
        raise Failed(f"Redis says {line!r}")

    def list_key(self):
        return self("HGET", META, "list")

    def calls(self):
        """Commands since CONFIG RESETSTAT, by name."""
        counts = {}
        for line in self("INFO", "commandstats").splitlines():
            if line.startswith("cmdstat_"):
                name, _, rest = line[8:].partition(":")
                counts[name] = int(rest.partition(",")[0].split("=")[1])
        return counts

    def stop(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()


class Backup:
    """A policyd that follows the list."""

    def __init__(self, lab, name, refresh, user="reader"):
        self.lab = lab
        self.state = os.path.join(lab.dir, name)
        self.conf = lab.configure(name, user, refresh)
        self.process = None

    def start(self):
        words = [self.lab.policyd, "-f", "-c", self.conf]
        if os.geteuid() == 0:
            words += ["-u", USER]
        with open(os.path.join(self.state, "log"), "ab") as log:
            self.process = subprocess.Popen(words, stdin=subprocess.DEVNULL,
                                            stdout=log, stderr=log)
        until("policyd starts", 20, lambda: self.ask("x") is not None)

    def ask(self, local):
        try:
            return policy_client.ask(os.path.join(self.state, "policyd.sock"),
                                     f"{local}@{DOMAIN}")
        except OSError:
            return None

    def knows(self, local):
        return self.ask(local) == "DUNNO"

    def refuses(self, local):
        return (self.ask(local) or "").startswith("550 5.1.1")

    def status(self):
        out = self.lab.ctl(self.conf, "status", "--json")
        return json.loads(out.stdout)["domains"][0]

    def alarm(self):
        return self.status()["sync"]["last_error"] or ""

    def logged(self, text):
        with open(os.path.join(self.state, "log"), encoding="utf-8") as log:
            return text in log.read()

    def stop(self):
        if self.process:
            self.process.terminate()
            self.process.wait(20)
            self.process = None


class Lab:
    def __init__(self, policyd, directory):
        self.policyd = policyd
        self.dir = directory
        self.ctl_path = os.path.join(os.path.dirname(policyd), "..", "ctl",
                                     "backupmxctl")
        self.list_path = os.path.join(directory, "list")
        self.locals = [f"user{i:05d}" for i in range(ENTRIES)]
        with open(os.path.join(directory, "password"), "w",
                  encoding="ascii") as file:
            file.write("secret\n")
        os.chmod(file.name, 0o644)
        self.redis = Redis(directory)
        self.publisher = self.configure("publisher", "publisher", "1h")
        self.backups = []

    def configure(self, name, user, refresh):
        state = os.path.join(self.dir, name)
        os.makedirs(state, exist_ok=True)
        if os.geteuid() == 0:
            entry = pwd.getpwnam(USER)
            os.chown(state, entry.pw_uid, entry.pw_gid)
        path = os.path.join(self.dir, name + ".conf")
        with open(path, "w", encoding="ascii") as file:
            file.write(CONFIG.format(dir=self.dir, name=name, user=user,
                                     domain=DOMAIN, refresh=refresh))
        return path

    def backup(self, *words):
        backup = Backup(self, *words)
        self.backups.append(backup)
        backup.start()
        return backup

    def ctl(self, conf, *words):
        return subprocess.run([self.ctl_path, "-c", conf, *words], check=False,
                              stdin=subprocess.DEVNULL, capture_output=True,
                              text=True, timeout=60)

    def write_list(self, path=None):
        with open(path or self.list_path, "w", encoding="ascii") as file:
            for local in self.locals:
                name, _, state = local.partition(" ")
                file.write(f"{name}@{DOMAIN} {state}\n")

    def publish(self, *words, status=0, conf=None):
        self.write_list()
        out = self.ctl(conf or self.publisher, "publish", DOMAIN, "--from",
                       "file:" + self.list_path, *words)
        if out.returncode != status:
            raise Failed(f"publish: status {out.returncode}, want {status}: "
                         f"{out.stdout}{out.stderr}")
        return out.stdout + out.stderr

    def stop(self):
        for backup in self.backups:
            backup.stop()
        if self.redis.process:
            self.redis.stop()


def until(name, seconds, check):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if check():
            return
        time.sleep(0.02)
    raise Failed(f"{name}: not within {seconds} s")


def expect(name, got):
    if not got:
        raise Failed(name)


def expect_in(name, text, got):
    if text not in got:
        raise Failed(f"{name}: {text!r} is not in {got!r}")


def test_notified(lab):
    backup = lab.backup("notified", "1h")
    until("an alarm: nothing is published", 10,
          lambda: "no published list" in backup.alarm())
    expect("not on a list: cannot say", not backup.refuses("user00000"))
    lab.publish()
    until("the first list", NOTIFIED_S * SLACK,
          lambda: backup.knows("user00000"))
    until("no alarm any more", 5, lambda: backup.alarm() == "")
    expect("an unknown one is refused", backup.refuses("nobody.here"))
    lab.locals[1] = "newcomer"
    lab.publish()
    until("a change", NOTIFIED_S * SLACK, lambda: backup.knows("newcomer"))
    expect("one that left is refused", backup.refuses("user00001"))
    lab.locals[2] += " disabled"
    lab.publish()
    until("a state", NOTIFIED_S * SLACK,
          lambda: (backup.ask("user00002") or "").startswith("550 5.2.1"))
    until("a state in the log", 2, lambda: backup.logged("ev=sync-done"))
    return backup


def test_unchanged(lab):
    lab.redis("CONFIG", "RESETSTAT")
    expect_in("unchanged", "unchanged", lab.publish())
    calls = lab.redis.calls()
    for name in ("sadd", "srem", "hset", "xadd", "publish", "sscan"):
        expect(f"no {name} for an unchanged list: {calls}", name not in calls)


def cost_of(lab, backup, changes, mark):
    """Commands of all clients for that many changes, published and followed."""
    for i in range(changes):
        lab.locals[100 + i] = f"{mark}{i}"
    lab.redis("CONFIG", "RESETSTAT")
    lab.publish()
    until("the changes", POLLED_S,
          lambda: backup.knows(f"{mark}{changes - 1}"))
    calls = lab.redis.calls()
    expect(f"neither scanned nor loaded anew: {calls}",
           "sscan" not in calls and "expire" not in calls)
    expect(f"changed in one transaction: {calls}",
           calls["sadd"] == 1 and calls["srem"] == 1 and calls["xadd"] == 1)
    return sum(count for name, count in calls.items()
               if name not in ("info", "config|resetstat", "ping", "hget"))


def test_cost(lab, backup):
    few, many = cost_of(lab, backup, 3, "few"), cost_of(lab, backup, 60, "many")
    expect(f"commands for 3 changes: {few}, for 60: {many}", many <= few + 6)


def test_two_publishers(lab):
    """Both read before either writes: Redis holds writes back meanwhile."""
    other = lab.configure("second", "publisher", "1h")
    lab.publish(conf=other)  # it has a copy, too
    processes = []
    lab.redis("CLIENT", "PAUSE", "60000", "WRITE")
    for i, conf in enumerate((lab.publisher, other)):
        lab.locals[10] = f"rival{i}"
        path = f"{lab.list_path}.{i}"
        lab.write_list(path)
        processes.append(subprocess.Popen(
            [lab.ctl_path, "-c", conf, "publish", DOMAIN, "--from",
             "file:" + path], stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE, text=True))
    until("both wait", 20, lambda: lab.redis("INFO", "clients").count(
        "blocked_clients:2") == 1)
    lab.redis("CLIENT", "UNPAUSE")
    errors = [process.communicate(timeout=60)[1] for process in processes]
    statuses = sorted(process.returncode for process in processes)
    expect(f"one wins, one is told: {statuses} {errors}", statuses == [0, 75])
    expect_in("the loser is told", "another publisher was first",
              "".join(errors))
    lab.locals[10] = "user00010"
    lab.publish()


def test_under_look_ups(lab, backup):
    """Generations change under look-ups; who is on all lists stays known."""
    wrong, asked, done = [], [0], threading.Event()

    def look_up():
        while not done.is_set():
            answer = backup.ask("user00000")
            asked[0] += 1
            if answer != "DUNNO":
                wrong.append(answer)

    threads = [threading.Thread(target=look_up) for _ in range(4)]
    for thread in threads:
        thread.start()
    for i in range(GENERATIONS):
        lab.locals[60 + i % 20] = f"turn{i}"
        lab.publish(*(["--force"] if i % 10 == 9 else []))
    try:
        until("the last of many generations", POLLED_S,
              lambda: backup.knows(f"turn{GENERATIONS - 1}"))
    finally:
        done.set()
        for thread in threads:
            thread.join()
    expect(f"{asked[0]} look-ups, wrong ones: {wrong[:3]}", not wrong)
    expect("look-ups were made", asked[0] > GENERATIONS)


def test_lost_notifications(lab):
    """A reader that may not subscribe still polls."""
    lab.redis("ACL", "SETUSER", "deaf", *rights_of("reader"),
              "resetchannels")
    backup = lab.backup("deaf", "1h", "deaf")
    until("the list at start", 10, lambda: backup.knows("user00000"))
    lab.locals[20] = "polled"
    lab.publish()
    until("a change without notification", POLLED_S * SLACK,
          lambda: backup.knows("polled"))
    backup.stop()


def test_full_load(lab, backup):
    """A log that does not reach back."""
    backup.stop()
    for i in range(3):
        lab.locals[30] = f"while.away{i}"
        lab.publish()
    lab.redis("DEL", LOG)
    backup.start()
    until("the list without a log", 10, lambda: backup.knows("while.away2"))
    old = lab.redis.list_key()
    lab.publish("--force")
    expect("a new set", lab.redis.list_key() != old)
    expect("the old set expires", 0 < lab.redis("TTL", old) <= 3600)
    expect("the new set stays", lab.redis("TTL", lab.redis.list_key()) == -1)
    lab.locals[30] = "after.full"
    lab.publish()
    until("a change after a full load", NOTIFIED_S * SLACK,
          lambda: backup.knows("after.full"))


def fault(lab, backup, name, alarm, *commands, heal=()):
    for command in commands:
        lab.redis(*command)
    until(f"{name}: the alarm", 15 * SLACK, lambda: alarm in backup.alarm())
    until(f"{name}: the alarm in the log", 5, lambda: backup.logged(alarm))
    expect(f"{name}: the local list stays", backup.knows("user00000"))
    expect(f"{name}: an unknown one is refused",
           backup.refuses("nobody.here"))
    lab.locals[40] = "healed." + name.replace(" ", ".")
    lab.publish(*heal)
    until(f"{name}: healed", 15 * SLACK, lambda: backup.knows(lab.locals[40]))
    until(f"{name}: no alarm any more", 5, lambda: backup.alarm() == "")


def test_faults(lab):
    backup = lab.backup("faults", "2s")
    until("the list", 10, lambda: backup.knows("user00000"))
    fault(lab, backup, "flushed", "no published list any more", ["FLUSHALL"])
    fault(lab, backup, "meta lost", "no published list any more",
          ["DEL", META])
    fault(lab, backup, "set evicted", "emptied, evicted or damaged",
          ["UNLINK", lab.redis.list_key()])
    fault(lab, backup, "members lost", "emptied, evicted or damaged",
          ["SPOP", lab.redis.list_key(), "7"])
    fault(lab, backup, "older", "older", ["HSET", META, "generation", "5"])
    fault(lab, backup, "other list", "not the one that was followed",
          ["HSET", META, "digest", "0123456789abcdef"])
    fault(lab, backup, "field lost", "no field `count`",
          ["HDEL", META, "count"], heal=("--force",))
    fault(lab, backup, "later schema", "another schema",
          ["HSET", META, "schema", "2"], heal=("--force",))
    fault(lab, backup, "meta of another type", "is not a hash",
          ["SET", META, "x"], heal=("--force",))
    fault(lab, backup, "set of another type", "else than a set",
          ["SET", lab.redis.list_key(), "x"])
    test_shrunken(lab, backup)
    return backup


def test_shrunken(lab, backup):
    all_locals = lab.locals
    lab.locals = all_locals[:ENTRIES // 2]
    expect_in("a publisher refuses to shrink", "max_shrink",
              lab.publish(status=3))
    lab.publish("--force")
    until("shrunken: the alarm", 15 * SLACK,
          lambda: "max_shrink" in backup.alarm())
    expect("shrunken: the local list stays", backup.knows("user01999"))
    lab.locals = []
    expect_in("a publisher refuses an empty list", "empty",
              lab.publish("--force", status=3))
    lab.locals = all_locals
    lab.publish()
    until("shrunken: no alarm any more", 15 * SLACK,
          lambda: backup.alarm() == "")


def test_full(lab, backup):
    """A Redis without room is read from as before, and not written to."""
    lab.redis("CONFIG", "SET", "maxmemory", "1")
    lab.locals[45] = "no.room"
    expect_in("publish says so", "OOM", lab.publish(status=74))
    time.sleep(5)  # more than a refresh
    expect("full: no alarm", backup.alarm() == "")
    expect("full: followed as before", backup.status()["list"]["age_s"] < 5)
    lab.redis("CONFIG", "SET", "maxmemory", "0")
    lab.publish()
    until("room again", 15 * SLACK, lambda: backup.knows("no.room"))


def test_outage(lab, backup):
    lab.redis.stop()
    until("Redis gone: the alarm", 20 * SLACK, lambda: backup.alarm() != "")
    expect("Redis gone: the local list stays", backup.knows("user00000"))
    expect("Redis gone: unknown is refused", backup.refuses("nobody.here"))
    out = lab.ctl(lab.publisher, "publish", DOMAIN, "--from",
                  "file:" + lab.list_path)
    expect(f"Redis gone: publish says so: {out}",
           out.returncode == 75 and out.stderr)
    lab.redis.start()
    lab.locals[50] = "after.outage"
    lab.publish()
    until("Redis back: a new list", 20 * SLACK,
          lambda: backup.knows("after.outage"))


def run(lab):
    lab.redis.start()
    backup = test_notified(lab)
    test_unchanged(lab)
    test_cost(lab, backup)
    test_two_publishers(lab)
    test_under_look_ups(lab, backup)
    test_lost_notifications(lab)
    test_full_load(lab, backup)
    backup.stop()
    backup = test_faults(lab)
    test_full(lab, backup)
    test_outage(lab, backup)


def main():
    if not shutil.which("redis-server"):
        print("skipped: this test needs: redis-server")
        return 77
    directory = tempfile.mkdtemp(prefix="backupmx.")
    os.chmod(directory, 0o755)
    lab = Lab(os.path.abspath(sys.argv[1]), directory)
    try:
        run(lab)
        print("all of it is as it should be")
        return 0
    except (Failed, KeyError, OSError) as error:
        print(f"FAIL {error!r}")
        for backup in lab.backups:
            with open(os.path.join(backup.state, "log"),
                      encoding="utf-8") as log:
                print(f"--- {backup.state}:")
                print("".join(line for line in log
                              if "ev=decision" not in line)[-3000:])
        return 1
    finally:
        lab.stop()
        shutil.rmtree(directory)


if __name__ == "__main__":
    sys.exit(main())
