#!/usr/bin/env python3
"""redis_faults_test.py POLICYD [NAME]: policyd while Redis is in trouble.

Lists come from Redis, records are shared over it, and 1,000 look-ups a second
go on: a listed user is never unknown, an unknown one never accepted, and no
answer takes longer than a second, whatever becomes of Redis. Each trouble is
in `backupmxctl status` and in the log, and over when it is over. RESTARTS=100
and STOPPED=20 make it longer. Exit status 77 when redis-server is missing.
"""
import os
import shutil
import signal
import sys
import time

import redis_backups
import redis_lab
from redis_backups import GATED, LISTED, Backup, Load, servers
from redis_lab import Proxy, until

RESTARTS = int(os.environ.get("RESTARTS", "20"))
STOPPED_S = float(os.environ.get("STOPPED", "5"))
META = "bmx:{%s}:meta" % LISTED


def holds(what, text, part):
    if part not in text:
        raise AssertionError("%s: %r is not in %r" % (what, part, text))


class Scene:
    """A backup under load, and what is expected of it."""

    def __init__(self, lab, redis, name="backup"):
        self.lab = lab
        self.publisher = lab.publisher(*redis, name=name + ".publisher")
        lab.publish(self.publisher)
        self.backup = Backup(lab, name, *redis)
        until("the lists", lambda: self.backup.knows("user00000@" + LISTED)
              and self.backup.ask("user00000@" + GATED), 10)
        self.load = Load(self.backup)
        time.sleep(1)
        self.mark = 0
        self.load.check("all is well")

    def begin(self):
        self.mark = len(self.backup.lines())

    def says(self, what, event, part, most=2):
        """The log does, and not again and again."""
        def said():
            return [line for line in self.backup.lines()[self.mark:]
                    if "ev=" + event in line and part in line]

        until("%s: %s in the log" % (what, event), said)
        if len(said()) > most:
            raise AssertionError("%s: said %d times: %s"
                                 % (what, len(said()), said()[:3]))

    def shows(self, what, part, seconds=15):
        """`backupmxctl status` does."""
        try:
            until("status", lambda: part in self.backup.status_text(), seconds)
        except AssertionError:
            holds(what, self.backup.status_text(), part)

    def healed(self, what, *words):
        """What is published now is in force soon, and nothing is said."""
        took = self.lab.change(self.publisher, what.replace(" ", "."),
                               self.backup, *words)
        until("%s: no alarm" % what, lambda: self.backup.alarm() == "" and
              self.backup.alarm(GATED) == "")
        self.load.check(what)
        return took

    def end(self):
        self.load.end()
        self.backup.stop()


def test_killed(lab):
    redis = lab.server("a", "--appendonly", "yes")
    scene = Scene(lab, [servers(redis)])
    scene.begin()
    redis.kill()
    scene.shows("killed", "redis    DOWN")
    scene.shows("killed", "last error")
    scene.says("killed", "redis-down", "local data goes on")
    redis.start()
    until("the link is up again", scene.backup.up)
    scene.says("restarted", "redis-up", "")
    for _ in range(RESTARTS):
        redis.kill()
        redis.start()
        until("the link is up again", scene.backup.up)
    scene.load.check("killed %d times" % RESTARTS)
    scene.healed("killed")
    print("    %s" % scene.load.total)
    scene.end()


def test_stopped(lab):
    redis = lab.server("a")
    scene = Scene(lab, [servers(redis)])
    scene.begin()
    redis.signal(signal.SIGSTOP)
    scene.shows("stopped", "redis    DOWN")
    scene.says("stopped", "redis-down", "")
    time.sleep(STOPPED_S)
    redis.signal(signal.SIGCONT)
    took = until("the link is up again", scene.backup.up)
    scene.load.check("stopped for %g s" % STOPPED_S)
    print("    up %.1f s after SIGCONT" % took)
    scene.healed("stopped")
    scene.end()


def test_data_lost(lab):
    """Flushed, of another owner, full, and an empty replica promoted."""
    redis = lab.server("a")
    empty = lab.server("b")
    scene = Scene(lab, [servers(redis, empty)])
    flushed(scene, redis)
    other_owner(scene, redis)
    full(scene, redis)
    promoted(scene, redis, empty)
    scene.end()


def flushed(scene, redis):
    scene.begin()
    redis.cli("FLUSHALL")
    scene.shows("flushed", "no published list any more")
    scene.says("flushed", "sync-failed", "no published list any more")
    scene.healed("flushed")


def other_owner(scene, redis):
    """Every key of ours holds something else."""
    scene.begin()
    redis.cli("FLUSHALL")
    for domain in (LISTED, GATED):
        redis.cli("SET", "bmx:{%s}:meta" % domain, "a shop's cart")
        redis.cli("HSET", "bmx:{%s}:log" % domain, "a", "b")
        redis.cli("SET", "bmx:{%s}:primary" % domain, "x")
    redis.cli("ZADD", "bmx:{asked.test}:v:*", "1", "x")
    redis.cli("SET", "bmx:{asked.test}:primary", "x")
    scene.shows("other owner", "is not a hash")
    scene.says("other owner", "sync-failed", "is not a hash")
    out = scene.lab.publish(scene.publisher, domains=(LISTED,), status=65)
    holds("publish is told", out, "--force replaces it")
    scene.healed("other owner", "--force")
    for i in range(5):
        key = "bmx:{asked.test}:v:known.new%d" % i
        redis.cli("LPUSH", key, "x")
        if not scene.backup.knows("known.new%d@asked.test" % i):
            raise AssertionError("a key of another type hides a known user")
        until("it is a record again",
              lambda key=key: redis.cli("TYPE", key) == "string")


def full(scene, redis):
    scene.begin()
    redis.cli("CONFIG", "SET", "maxmemory", "1")
    scene.shows("full", "OOM")
    scene.says("full", "redis-", "OOM")
    out = scene.lab.publish(scene.publisher, "--force", domains=(LISTED,),
                            status=74)
    holds("publish says so", out, "OOM")
    time.sleep(3)  # more than a refresh: lists are followed as before
    if scene.backup.alarm():
        raise AssertionError("full: alarm " + scene.backup.alarm())
    redis.cli("CONFIG", "SET", "maxmemory", "0")
    scene.healed("full")


def promoted(scene, redis, empty):
    """Its master dies before it has any data, and it is made the master."""
    scene.begin()
    empty.cli("REPLICAOF", "127.0.0.1", "1")
    redis.kill()
    until("the other server", lambda: scene.backup.link()["server"]
          .endswith(empty.socket))
    empty.cli("REPLICAOF", "NO", "ONE")
    scene.shows("promoted", "no published list any more")
    scene.says("promoted", "sync-failed", "no published list any more")
    scene.healed("promoted")


def test_replica(lab):
    """Reading from a replica that takes no writes."""
    master = lab.server("m")
    replica = lab.server("r", "--replicaof", "127.0.0.1 %d" % master.port)
    scene = Scene(lab, [servers(master)])
    scene.load.end()  # it would see the restart
    scene.backup.stop()
    scene.backup.configure(servers(replica))
    scene.backup.start()
    scene.load = Load(scene.backup)
    scene.shows("replica", "replica")
    scene.shows("replica", "master link up")
    scene.healed("read-only replica")
    if not scene.backup.metric(
            'backupmx_redis_records_total{result="dropped"}'):
        raise AssertionError("writes to a replica are not counted")
    master.kill()
    scene.shows("replica alone", "master link down")
    scene.load.check("replica alone")
    scene.end()


def test_proxy(lab):
    redis = lab.server("a")
    proxy = Proxy(lab, redis.address)
    scene = Scene(lab, [servers(proxy.address)])
    for faults in (["down delay 100"], ["down delay 400"], ["up delay 400"],
                   ["down drip 300"], ["up drip 300"],
                   ["down truncate 1000"], ["down truncate 13"],
                   ["up truncate 300"], ["down reset"],
                   ["accept hole", "down reset"], ["down hole"]):
        scene.begin()
        proxy.set(*faults)
        time.sleep(2)
        scene.load.check(", ".join(faults))
        print("    %s" % (scene.backup.link()["last_error"] or "no error"))
        lines = scene.backup.lines()[scene.mark:]
        if len(lines) > 12:
            raise AssertionError("%s: %d lines: %s"
                                 % (faults, len(lines), lines[:12]))
        proxy.set()
        until("the link is up again", scene.backup.up, 12)
    scene.healed("proxy")
    print("    %s" % scene.load.total)
    scene.end()


def main(policyd, only=""):
    for program in ("redis-server", "redis-cli"):
        if not shutil.which(program):
            redis_lab.skip(program + " is not installed")
    tests = [test for name, test in list(globals().items())
             if name.startswith("test_") and only in name]
    return 0 if all([redis_backups.run(test, policyd) for test in tests]) else 1


if __name__ == "__main__":
    sys.exit(main(os.path.abspath(sys.argv[1]), *sys.argv[2:3]))
