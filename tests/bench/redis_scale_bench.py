#!/usr/bin/env python3
"""redis_scale_bench.py BUILD [DOMAINS [RECIPIENTS]]: many domains.

Publishes DOMAINS (1,000) lists of RECIPIENTS (100) each into a redis-server of
its own and lets one policyd follow them all: how long each part takes, memory,
and what the processes cost when nothing changes. Prints; it asserts nothing.
docs/scaling.md has the figures.
"""
import os
import resource
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "integration"))
sys.path.insert(0, os.path.join(HERE, "..", "support"))
import policy_client  # noqa: E402
import redis_lab  # noqa: E402

IDLE_S = 20
HEAD = """
hostname = "backup.example.test"
state_dir = "{folder}/state"
policyd {{
	listen = {{"unix:{folder}/policyd.sock"}}
	socket_group = ""
	metrics = ""
	control = "unix:{folder}/control.sock"
}}
redis {{
	servers = {{"unix:{redis}"}}
}}
"""
DOMAIN = """domain "d{:07d}.test" {{
	primary = {{"[127.0.0.1]:{}"}}
	recipients = "redis:"
	call_ahead = false
	check_interval = {}
}}
"""


def say(what, value, unit):
    print("%-52s %10.2f %s" % (what, value, unit), flush=True)


def cpu_s(pid):
    """Of a process and its children."""
    path = "/proc/%d/task/%d/children" % (pid, pid)
    with open("/proc/%d/stat" % pid, encoding="ascii") as file:
        fields = file.read().rpartition(")")[2].split()
    with open(path, encoding="ascii") as file:
        children = [int(word) for word in file.read().split()]
    return sum(map(int, fields[11:15])) / os.sysconf("SC_CLK_TCK") + \
        sum(map(cpu_s, children))


def rss_mib(pid):
    with open("/proc/%d/status" % pid, encoding="ascii") as file:
        for line in file:
            if line.startswith("RssAnon:"):
                return int(line.split()[1]) / 1024
    return 0


class Bench:
    def __init__(self, lab, build, domains, recipients):
        self.lab = lab
        self.build = build
        self.domains = domains
        self.recipients = recipients
        self.redis = redis_lab.Server(lab, "redis")
        self.socket = os.path.join(lab.folder, "policyd.sock")
        self.conf = os.path.join(lab.folder, "conf")
        self.policyd = None
        self.settle_s = 5
        os.makedirs(os.path.join(lab.folder, "state"))

    def configure(self, interval, count=None):
        """The primaries are at a port where nobody listens."""
        with open(self.conf, "w", encoding="ascii") as file:
            file.write(HEAD.format(folder=self.lab.folder,
                                   redis=self.redis.socket))
            file.writelines(DOMAIN.format(i, 1, interval)
                            for i in range(count or self.domains))

    def ctl(self, *words):
        return subprocess.run(
            [os.path.join(self.build, "ctl", "backupmxctl"), "-c", self.conf,
             *words], check=True, capture_output=True, text=True).stdout

    def publish(self, i, first="user"):
        path = os.path.join(self.lab.folder, "list")
        with open(path, "w", encoding="ascii") as file:
            file.writelines("%s%05d.name@d%07d.test\n" % (
                "user" if k else first, k, i) for k in range(self.recipients))
        self.ctl("publish", "d%07d.test" % i, "--from", "file:" + path)

    def memory(self):
        text = self.redis.cli("INFO", "memory")
        return int(text.partition("used_memory:")[2].split()[0])

    def knows(self, i, local="user00001.name"):
        try:
            return policy_client.ask(
                self.socket, "%s@d%07d.test" % (local, i)) == "DUNNO"
        except OSError:
            return False

    def start(self):
        log = os.path.join(self.lab.folder, "log")
        with open(log, "ab") as file:
            self.policyd = subprocess.Popen(
                [os.path.join(self.build, "policyd", "backupmx-policyd"),
                 "-f", "-u", "root", "-c", self.conf], stdout=file,
                stderr=file)
        self.lab.children.append(self.policyd)

    def stop(self):
        self.policyd.terminate()
        self.policyd.wait(60)

    def all_known(self):
        step = max(1, self.domains // 50)
        return all(self.knows(i) for i in range(0, self.domains, step)) and \
            self.knows(self.domains - 1)

    def published(self):
        """With one section, so that reading the configuration is not it."""
        before, begin = self.memory(), time.monotonic()
        for i in range(self.domains):
            with open(self.conf, "w", encoding="ascii") as file:
                file.write(HEAD.format(folder=self.lab.folder,
                                       redis=self.redis.socket))
                file.write(DOMAIN.format(i, 1, "1h"))
            self.publish(i)
        took = time.monotonic() - begin
        say("publish one list, a process each", 1000 * took / self.domains,
            "ms")
        used = self.memory() - before
        say("Redis memory a domain", used / self.domains, "octets")
        say("of that a recipient",
            used / self.domains / self.recipients, "octets")

    def followed(self):
        self.configure("1h")
        begin = time.monotonic()
        self.ctl("config", "check")
        say("read the configuration", time.monotonic() - begin, "s")
        begin = time.monotonic()
        self.start()
        redis_lab.until("all lists", self.all_known, 600)
        took = time.monotonic() - begin
        say("follow all lists from nothing", took, "s")
        say("  lists a second", self.domains / took, "")
        self.settle_s = took + 5
        say("  processor time", cpu_s(self.policyd.pid), "s")
        size = os.path.getsize(os.path.join(self.lab.folder, "state",
                                            "list.mdb"))
        say("list.mdb a recipient",
            size / self.domains / self.recipients, "octets")
        say("policyd's own memory", rss_mib(self.policyd.pid), "MiB")

    def idle(self, what):
        time.sleep(self.settle_s)  # a start compares every list once
        self.redis.cli("CONFIG", "RESETSTAT")
        before = cpu_s(self.policyd.pid), cpu_s(self.redis.process.pid)
        time.sleep(IDLE_S)
        after = cpu_s(self.policyd.pid), cpu_s(self.redis.process.pid)
        text = self.redis.cli("INFO", "stats")
        count = int(text.partition("total_commands_processed:")[2].split()[0])
        say(what + ": policyd", 100 * (after[0] - before[0]) / IDLE_S,
            "% of a processor")
        say(what + ": redis-server", 100 * (after[1] - before[1]) / IDLE_S,
            "% of a processor")
        say(what + ": commands", count / IDLE_S, "/s")

    def one_change(self):
        begin = time.monotonic()
        self.publish(self.domains - 1, "new.user")
        sent = time.monotonic()
        redis_lab.until("the change", lambda: self.knows(
            self.domains - 1, "new.user00000.name"), 30)
        say("one change: published", 1000 * (sent - begin), "ms")
        say("one change: in force after that",
            1000 * (time.monotonic() - sent), "ms")

    def restarted(self):
        self.stop()
        begin = time.monotonic()
        self.start()
        redis_lab.until("all lists", self.all_known, 60)
        say("restarted: all lists known", time.monotonic() - begin, "s")

    def run(self):
        print("%d domains of %d recipients" % (self.domains, self.recipients))
        self.published()
        self.followed()
        self.idle("nothing changes")
        self.one_change()
        self.restarted()
        self.stop()
        self.configure("30s")
        self.start()
        redis_lab.until("all lists", self.all_known, 60)
        self.idle("primaries checked every 30 s")
        self.stop()
        self.configure("1h", 10 * self.domains)
        begin = time.monotonic()
        self.ctl("config", "check")
        say("read a configuration of %d domains" % (10 * self.domains),
            time.monotonic() - begin, "s")
        most = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
        say("largest process", most / 1024, "MiB")


def main(build, domains="1000", recipients="100"):
    lab = redis_lab.Lab(tempfile.mkdtemp(prefix="bmxs-", dir="/tmp"), None)
    os.chmod(lab.folder, 0o755)
    try:
        Bench(lab, build, int(domains), int(recipients)).run()
    finally:
        lab.close()


if __name__ == "__main__":
    main(os.path.abspath(sys.argv[1]), *sys.argv[2:4])
