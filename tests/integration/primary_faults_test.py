#!/usr/bin/env python3
"""primary_faults_test.py POLICYD: primaries that go wrong, each in its way.

One policyd, one domain a fault (tests/support/faulty_primary.py), all asked at
once and again and again: every RCPT is answered within the deadline, nobody is
accepted or refused for good whom the primary has not accepted or refused in a
reply to RCPT, and when the fault is over answers are right soon. A primary that
is back without its users makes nobody it knew be refused. Run as root; exit
status 77 when that is not so.
"""
import collections
import concurrent.futures
import itertools
import os
import pwd
import socket
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "support"))
from faulty_primary import FaultyPrimary  # noqa: E402

USER = "nobody"
PORT = 2525
DEADLINE_S = 5.0    # policyd.deadline, the default
SLACK_S = 0.5
ASK_S = 21          # how long the faults last
RECOVERY_S = 40     # the breaker's and the checker's times, and some
VERBS = "GREETING EHLO MAIL RCPT RSET QUIT".split()
FAULTS = ["good", "deaf", "mute", "closed", "drip", "trickle", "flood",
          "garbage", "out-of-turn", "421", "flap"]
FAULTS += [f"{kind}:{verb}" for kind in ("hang", "drop", "421")
           for verb in VERBS]
FAULTS += [f"550:{verb}" for verb in ("GREETING", "EHLO", "MAIL", "RSET")]
LOST = ["empty", "empty-postmaster"]
# What is believed before a loss of many users shows as such.
BELIEVED = {"empty": 0, "empty-postmaster": 2}

TAKEN = "DUNNO"
UNKNOWN = "550 5.1.1 User unknown"
UNSURE = "DEFER_IF_PERMIT 4.1.1 Unverified address, try again later"

REQUEST = ("request=smtpd_access_policy\nprotocol_state=RCPT\n"
           "sender=a@world.test\nrecipient={}\nclient_address={}\n"
           "instance=faults.{}\nsize=0\n\n")
HEAD = """
hostname = "backup.example.test"
state_dir = "{dir}/state"
log = "stderr"
policyd {{
	listen = {{"unix:{dir}/state/policyd.sock"}}
	socket_group = ""
	metrics = ""
	control = "unix:{dir}/state/control.sock"
	on_recovery = {{}}
}}
"""
SECTION = """
domain "{domain}" {{
	primary = {{"[{host}]:{port}"}}
	check_interval = 1s
	probe_rate = 100
}}
"""
serial = itertools.count(1)


def domain_of(fault):
    return fault.lower().replace(":", "-") + ".test"


class World:
    """The primaries and the policyd, and what was answered."""

    def __init__(self, program, ctl, directory):
        self.ctl, self.directory = ctl, directory
        self.path = os.path.join(directory, "state", "policyd.sock")
        self.conf = os.path.join(directory, "conf")
        self.passed, self.failed = 0, 0
        self.users = [f"user{i}" for i in range(400)]
        self.primaries = {}
        self.start_primaries()
        with open(os.path.join(directory, "log"), "ab") as log:
            self.process = subprocess.Popen(
                [program, "-f", "-u", USER, "-c", self.conf],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        self.wait(lambda: os.path.exists(self.path) and
                  self.ask("x", "elsewhere.test")[0] == TAKEN)

    def start_primaries(self):
        net = free_net(len(FAULTS + LOST))
        with open(self.conf, "w", encoding="ascii") as conf:
            conf.write(HEAD.format(dir=self.directory))
            for number, fault in enumerate(FAULTS + LOST, 1):
                host = f"{net}.{number}"
                self.primaries[fault] = FaultyPrimary(
                    host, PORT, "good" if fault in LOST else fault,
                    self.users)
                conf.write(SECTION.format(domain=domain_of(fault), host=host,
                                          port=PORT))

    def check(self, name, good, detail=""):
        self.passed += good
        self.failed += not good
        if not good:
            print(f"FAIL {name}: {detail}")

    def wait(self, condition, limit_s=20):
        end = time.monotonic() + limit_s
        while time.monotonic() < end:
            try:
                if condition():
                    return True
            except OSError:
                pass
            time.sleep(0.1)
        return False

    def ask(self, local, domain):
        """The action, and the seconds it took. Each ask is of a client network
        of its own, so that none is taken for one that tries out names."""
        number = next(serial)
        client = f"10.{number >> 8 & 255}.{number & 255}.1"
        begun = time.monotonic()
        with socket.socket(socket.AF_UNIX) as sock:
            sock.settimeout(DEADLINE_S * 4)
            sock.connect(self.path)
            sock.sendall(REQUEST.format(f"{local}@{domain}", client,
                                        number).encode())
            answer = b""
            while not answer.endswith(b"\n\n"):
                part = sock.recv(4096)
                if not part:
                    return "closed", time.monotonic() - begun
                answer += part
        return (answer.decode().strip().partition("action=")[2],
                time.monotonic() - begun)

    def command(self, *words):
        return subprocess.run([self.ctl, "-c", self.conf, *words],
                              capture_output=True, text=True, check=False)

    def rss_kib(self):
        with open(f"/proc/{self.process.pid}/status", encoding="ascii") as file:
            for line in file:
                if line.startswith("VmRSS:"):
                    return int(line.split()[1])
        return 0

    def log(self):
        with open(os.path.join(self.directory, "log"),
                  encoding="utf-8", errors="replace") as file:
            return file.read()

    def end(self):
        for primary in self.primaries.values():
            primary.close()
        self.process.terminate()
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def free_net(count):
    """A block of loopback addresses that nobody listens on."""
    for third in range(150, 250):
        net = f"127.8.{third}"
        try:
            for number in (1, count):
                with socket.socket() as sock:
                    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                    sock.bind((f"{net}.{number}", PORT))
            return net
        except OSError:
            continue
    sys.exit("no free block of loopback addresses")


def ask_while(world, fault, until):
    """A known and an unknown user, new ones each time, twice a second."""
    answers = []
    with concurrent.futures.ThreadPoolExecutor(30) as pool:
        jobs, turn = [], 0
        while time.monotonic() < until:
            for local in f"user{turn}", f"nobody{turn}":
                jobs.append((local, pool.submit(world.ask, local,
                                                domain_of(fault))))
            turn += 1
            time.sleep(0.5)
        for local, job in jobs:
            answers.append((local, *job.result()))
    return answers


def check_answers(world, fault, answers):
    primary = world.primaries[fault]
    slowest = max(took for _, _, took in answers)
    kinds = collections.Counter(action for _, action, _ in answers)
    print(f"     {fault:14} {len(answers):4} asked: {kinds[TAKEN]:3} taken, "
          f"{kinds[UNKNOWN]:3} refused, {kinds[UNSURE]:3} deferred; slowest "
          f"{slowest:.2f} s; {primary.sessions} sessions")
    world.check(f"{fault}: within the deadline",
                slowest <= DEADLINE_S + SLACK_S, f"{slowest:.2f} s")
    world.check("the good one is not held up by the others",
                fault != "good" or kinds[UNSURE] == 0, dict(kinds))
    world.check(f"{fault}: no other answer",
                set(kinds) <= {TAKEN, UNKNOWN, UNSURE}, dict(kinds))
    for local, action, _ in answers:
        if action == TAKEN and local not in primary.accepted:
            world.check(f"{fault}: {local}", False, "taken without evidence")
        if action == UNKNOWN and local not in primary.refused:
            world.check(f"{fault}: {local}", False, "refused without evidence")


def test_faults(world):
    until = time.monotonic() + ASK_S
    before = world.rss_kib()
    with concurrent.futures.ThreadPoolExecutor(len(FAULTS)) as pool:
        jobs = [(fault, pool.submit(ask_while, world, fault, until))
                for fault in FAULTS]
        for fault, job in jobs:
            check_answers(world, fault, job.result())
    print(f"     memory: {before} KiB before, {world.rss_kib()} KiB after")


def is_right(world, fault, mark):
    domain = domain_of(fault)
    return (world.ask(f"user{mark}", domain)[0] == TAKEN and
            world.ask(f"nobody{mark}", domain)[0] == UNKNOWN)


def recovers(world, fault, begun):
    mark = itertools.count(200)
    world.wait(lambda: is_right(world, fault, next(mark)), RECOVERY_S)
    return time.monotonic() - begun


def test_recovery(world):
    for fault in FAULTS:
        if fault != "good":
            world.primaries[fault].set("good")
    begun = time.monotonic()
    with concurrent.futures.ThreadPoolExecutor(len(FAULTS)) as pool:
        times = list(pool.map(lambda f: recovers(world, f, begun), FAULTS))
    for fault, took in zip(FAULTS, times):
        world.check(f"{fault}: over, and answers are right",
                    took < RECOVERY_S, f"not within {took:.0f} s")
    slowest = max(zip(times, FAULTS))
    print(f"     the last to recover: {slowest[1]}, after {slowest[0]:.1f} s")


def old_record(local, domain, age_s):
    """Of a user that was accepted so long ago that it is asked for again."""
    at_ms = int((time.time() - age_s) * 1000)
    return (f"verification {local}@{domain} result=valid state=active "
            f"by=call-ahead checked_at={at_ms}\n")


def test_lost_users(world, fault):
    """Back with an empty table: who was known is deferred, not refused."""
    domain, host = domain_of(fault), world.primaries[fault].address[0]
    names = [f"user{i}" for i in range(40)]
    path = os.path.join(world.directory, "dump")
    with open(path, "w", encoding="ascii") as dump:
        dump.writelines(old_record(name, domain, 26 * 3600) for name in names)
    loaded = world.command("cache", "load", path)
    world.check(f"{fault}: records are loaded", loaded.returncode == 0,
                loaded.stderr)
    world.primaries[fault].set(fault)
    answers = [(name, *world.ask(name, domain)) for name in names]
    kinds = collections.Counter(action for _, action, _ in answers)
    print(f"     {fault}: {dict(kinds)}")
    world.check(f"{fault}: nobody is accepted", kinds[TAKEN] == 0, dict(kinds))
    world.check(f"{fault}: users that were known are deferred",
                kinds[UNSURE] >= len(names) - BELIEVED[fault], dict(kinds))
    world.check(f"{fault}: within the deadline",
                max(took for _, _, took in answers) < DEADLINE_S + SLACK_S)
    world.check(f"{fault}: the alarm",
                any("lost-users" in line and host in line or
                    "lost-users" in line and domain in line
                    for line in world.log().splitlines()), "not in the log")
    world.primaries[fault].set("good")
    world.check(f"{fault}: with its table it has them again", world.wait(
        lambda: world.ask(names[9], domain)[0] == TAKEN, RECOVERY_S))


def run(program, directory):
    ctl = os.path.join(os.path.dirname(program), "..", "ctl", "backupmxctl")
    os.chmod(directory, 0o755)
    owner = pwd.getpwnam(USER)
    os.mkdir(os.path.join(directory, "state"))
    os.chown(os.path.join(directory, "state"), owner.pw_uid, owner.pw_gid)
    world = World(program, ctl, directory)
    try:
        test_faults(world)
        test_recovery(world)
        for fault in LOST:
            test_lost_users(world, fault)
        world.check("policyd is alive", world.process.poll() is None)
    finally:
        world.end()
    world.check("and ended as it should", world.process.returncode == 0,
                world.process.returncode)
    print(f"{world.passed} checks passed, {world.failed} failed", flush=True)
    if world.failed:
        print(world.log()[-3000:])
    return world.failed == 0


def main(program):
    if os.getuid() != 0:
        print("skipped: this test needs: root rights")
        return 77
    if not os.access(program, os.X_OK):
        print(f"skipped: this test needs: {program}")
        return 77
    with tempfile.TemporaryDirectory(prefix="backupmx.", dir="/tmp") as folder:
        return 0 if run(program, folder) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
