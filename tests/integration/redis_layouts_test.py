#!/usr/bin/env python3
"""redis_layouts_test.py POLICYD [NAME]: policyd and the ways to run Redis.

Sentinels that fail over and a Cluster whose slots move, both under 1,000
look-ups a second; TLS; passwords; the ACL lines of docs/redis.md, which must
be enough and no more than that; what two backups share; and a server that
evicts. Exit status 77 when redis-server is missing.
"""
import os
import re
import shutil
import subprocess
import sys
import time

import redis_backups
import redis_lab
import redis_link_test as link
from redis_backups import ASKED, GATED, LISTED, Backup, Load, servers
from redis_lab import ROOT, until

USERS = os.path.join(ROOT, "postfix-examples", "redis", "backup", "users.acl")
DOWN_AFTER_S = 2  # of redis_link_test.sentinels


def holds(what, text, part):
    if part not in text:
        raise AssertionError("%s: %r is not in %r" % (what, part, text))


def same(what, got, want):
    if got != want:
        raise AssertionError("%s: got %r, want %r" % (what, got, want))


def logged(backup, *parts, seconds=10):
    """The line of the log that has all of parts."""
    def found():
        return [line for line in backup.lines()
                if all(part in line for part in parts)]

    until("%r in the log" % (parts,), found, seconds)
    return found()[0]


def in_force(backup):
    until("the list", lambda: backup.knows("user00000@" + LISTED))


def test_sentinel(lab):
    master = lab.server("m")
    replica = lab.server("r", "--replicaof", "127.0.0.1 %d" % master.port)
    three = link.sentinels(lab, master)
    until("Sentinels that know each other", lambda: all(
        "num-other-sentinels\n2" in one.cli("SENTINEL", "MASTER", "bmx") and
        "num-slaves\n1" in one.cli("SENTINEL", "MASTER", "bmx")
        for one in three), 30)
    for one in three:
        same("a user of the Sentinel", one.cli(
            "ACL", "SETUSER", "sentinel-reader", "on", ">right",
            "resetchannels", "-@all", "+auth", "+role", "+client|setname",
            "+sentinel|get-master-addr-by-name"), "OK")
    redis = ("sentinels = {%s}" % ", ".join(
        '"%s"' % one.address for one in three), 'master_name = "bmx"',
             'sentinel_username = "sentinel-reader"',
             "sentinel_" + password(lab, "right"))
    publisher = lab.publisher(*redis)
    lab.publish(publisher)
    backup = Backup(lab, "backup", *redis)
    in_force(backup)
    same("the server", backup.link()["server"], master.address)
    load = Load(backup)
    until("a replica that has it all", lambda: replica.cli(
        "HGET", "bmx:{%s}:meta" % LISTED, "count") != "")
    time.sleep(0.5)
    begin = time.monotonic()
    master.kill()
    until("the new master", lambda: backup.up() and
          backup.link()["server"] == replica.address, 20)
    took = time.monotonic() - begin
    print("    failed over within %.1f s (down-after %d s)"
          % (took, DOWN_AFTER_S))
    if took > DOWN_AFTER_S + 5:
        raise AssertionError("the failover took too long")
    load.check("failover")
    lab.change(publisher, "after.failover", backup)
    load.check("after the failover")
    load.end()
    backup.stop()


def move_domain(nodes, domain):
    """Its slot goes to the next node, hundreds of keys at a time."""
    slot = nodes[0].cli("CLUSTER", "KEYSLOT", "bmx:{%s}:meta" % domain)
    source = next(node for node in nodes if link.owns(node, int(slot)))
    target = nodes[(nodes.index(source) + 1) % 3]
    ids = {node: node.cli("CLUSTER", "MYID") for node in (source, target)}
    target.cli("CLUSTER", "SETSLOT", slot, "IMPORTING", ids[source])
    source.cli("CLUSTER", "SETSLOT", slot, "MIGRATING", ids[target])
    while keys := source.cli("CLUSTER", "GETKEYSINSLOT", slot, "300").split():
        out = source.cli("MIGRATE", "127.0.0.1", str(target.port), "", "0",
                         "5000", "KEYS", *keys)
        if out not in ("OK", "NOKEY"):
            raise AssertionError("MIGRATE: " + out)
    for node in (target, source):
        node.cli("CLUSTER", "SETSLOT", slot, "NODE", ids[target])


def test_cluster(lab):
    nodes = link.cluster(lab)
    for node in nodes:
        for words in documented_users():
            same("ACL SETUSER", node.cli(
                "ACL", "SETUSER", *words, "+cluster|slots", "+asking"), "OK")
    redis = (servers(*[node.address for node in nodes]), "cluster = true",
             password(lab, "right"))
    publisher = lab.publisher(*redis, 'username = "publisher"')
    lab.publish(publisher)
    backup = Backup(lab, "backup", *redis, 'username = "reader"')
    in_force(backup)
    load = Load(backup)
    time.sleep(1)
    for turn in range(3):
        for domain in (LISTED, GATED, ASKED):
            move_domain(nodes, domain)
        lab.change(publisher, "turn%d" % turn, backup)
    load.check("slots moved 9 times")
    same("alarm", backup.alarm(), "")
    nodes[0].kill()
    time.sleep(1)
    load.check("a node is away")
    nodes[0].start()
    load.end()
    backup.stop()


def test_tls(lab):
    authority = redis_lab.certificate(lab.folder, "authority")
    os.chmod(authority + ".pem", 0o644)
    ca = 'tls_ca_file = "%s.pem"' % authority
    pages = [redis_lab.certificate(lab.folder, name, authority)
             for name in ("localhost", "other.example.test")]
    right, wrong = [lab.server(
        os.path.basename(page), "--tls-cert-file", page + ".pem",
        "--tls-key-file", page + ".key", "--tls-ca-cert-file",
        authority + ".pem", "--tls-auth-clients", "no", tls=True)
        for page in pages]
    redis = (servers("rediss://localhost:%d" % right.port), ca)
    publisher = lab.publisher(*redis)
    lab.publish(publisher)
    backup = Backup(lab, "backup", *redis)
    in_force(backup)
    backup.stop()
    backup.configure(servers("rediss://localhost:%d" % wrong.port), ca)
    backup.start()
    line = logged(backup, "redis-down", "localhost")
    print("    " + line)
    holds("a wrong name", line, "certificate")
    same("a person must act", backup.link()["fault"], True)
    holds("status", backup.status_text(), "certificate")
    same("local data goes on", backup.ask("user00000@" + LISTED), "DUNNO")
    same("and refuses", backup.ask("nobody@" + LISTED),
         "550 5.1.1 User unknown")
    backup.stop()


def documented_users():
    """Publisher and reader of the example, their password "right"."""
    with open(USERS, encoding="ascii") as file:
        lines = re.sub(r">\S+", ">right", file.read()).splitlines()
    return [line.split()[1:] for line in lines
            if line.startswith(("user publisher", "user reader"))]


def guarded_server(lab):
    """A server with the users of the example, their password "right"."""
    path = os.path.join(lab.folder, "users.acl")
    with open(USERS, encoding="ascii") as file:
        lines = file.read()
    with open(path, "w", encoding="ascii") as file:
        file.write(re.sub(r">\S+", ">right", lines))
    return lab.server("a", "--aclfile", path)


def password(lab, text):
    path = os.path.join(lab.folder, "password")
    with open(path, "w", encoding="ascii") as file:
        file.write(text + "\n")
    os.chmod(path, 0o644)
    return 'password_file = "%s"' % path


def test_wrong_password(lab):
    server = guarded_server(lab)
    redis = [servers(server), 'username = "reader"', password(lab, "right")]
    lab.publish(lab.publisher(servers(server), 'username = "publisher"',
                              redis[2]))
    backup = Backup(lab, "backup", *redis)
    in_force(backup)
    backup.stop()
    password(lab, "wrong")
    backup.start()
    line = logged(backup, "redis-down", "WRONGPASS")
    print("    " + line)
    holds("what to do", line, "password_file")
    same("fault", backup.link()["fault"], True)
    as_user(server, "admin", "CONFIG", "RESETSTAT")
    time.sleep(5)
    tried = int(re.search(r"cmdstat_auth:calls=(\d+)",
                          as_user(server, "admin", "INFO", "commandstats")).group(1))
    print("    %d tries in 5 s" % tried)
    if tried > 12:
        raise AssertionError("no backoff: %d tries" % tried)
    if sum("ev=redis-" in line for line in backup.lines()) > 4:
        raise AssertionError("said again and again")
    same("local data goes on", backup.ask("user00000@" + LISTED), "DUNNO")
    password(lab, "right")
    until("the link is up with the right password", backup.up, 12)
    backup.stop()


def as_user(server, name, *words):
    ran = subprocess.run(
        ["redis-cli", "-s", server.socket, "--user", name, "--pass", "right",
         "--no-auth-warning", *words],
        capture_output=True, text=True, check=False)
    return ran.stdout.strip()


def test_acl(lab):
    """Each does its work without a refusal, and cannot do the other's."""
    server = guarded_server(lab)
    secret = password(lab, "right")
    publisher = lab.publisher(servers(server), 'username = "publisher"',
                              secret)
    lab.publish(publisher)
    backup = Backup(lab, "backup", servers(server), 'username = "reader"',
                    secret)
    in_force(backup)
    took = lab.change(publisher, "notified", backup)
    lab.publish(publisher, "--force")  # a full load
    lab.change(publisher, "after.full", backup)
    same("call-ahead", backup.ask("known.a@" + ASKED), "DUNNO")
    same("call-ahead", backup.ask("other.a@" + ASKED),
         "550 5.1.1 User unknown")
    backup.ask("user00000@" + GATED)
    backup.ctl("forget", ASKED)
    until("what was learnt is forgotten", lambda: as_user(
        server, "admin", "KEYS", "bmx:{%s}:v:*" % ASKED) == "")
    same("the link's errors", backup.link()["last_error"], "")
    same("refused", backup.metric(
        'backupmx_redis_requests_total{result="error"}'), 0.0)
    same("dropped", backup.metric(
        'backupmx_redis_records_total{result="dropped"}'), 0.0)
    print("    a change was in force after %.2f s" % took)
    tag = "bmx:{%s}:" % LISTED
    for words in (["HSET", tag + "meta", "generation", "9"],
                  ["SADD", tag + "list:1", "x"], ["DEL", tag + "meta"],
                  ["XADD", tag + "log", "*", "a", "b"],
                  ["UNLINK", tag + "list:1"], ["SET", tag + "meta", "x"],
                  ["SET", "other", "x"], ["GET", "other"], ["FLUSHALL"],
                  ["CONFIG", "SET", "maxmemory", "1"], ["KEYS", "*"],
                  ["PUBLISH", "bmx:changed", "x 1"], ["SHUTDOWN"],
                  ["EVAL", "return 1", "0"]):
        holds("reader " + " ".join(words), as_user(server, "reader", *words),
              "NOPERM")
    for words in (["SET", tag + "v:x", "y"], ["HSET", tag + "gate:0", "a", "b"],
                  ["HSET", tag + "primary", "a", "b"], ["DEL", tag + "v:x"]):
        if "NOPERM" in as_user(server, "reader", *words):
            raise AssertionError("reader may not " + " ".join(words))
    for words in (["SET", tag + "v:x", "y"], ["GET", tag + "v:x"],
                  ["HSET", tag + "primary", "a", "b"], ["FLUSHALL"],
                  ["HSET", tag + "gate:0", "a", "b"], ["SADD", "other", "x"],
                  ["SUBSCRIBE", "bmx:changed"], ["KEYS", "*"], ["SHUTDOWN"],
                  ["CONFIG", "SET", "maxmemory", "1"],
                  ["EVAL", "return 1", "0"]):
        holds("publisher " + " ".join(words),
              as_user(server, "publisher", *words), "NOPERM")
    backup.stop()


def test_sharing(lab):
    """What one backup has learnt the other one knows."""
    server = lab.server("a")
    publisher = lab.publisher(servers(server))
    lab.publish(publisher)
    one = Backup(lab, "one", servers(server))
    two = Backup(lab, "two", servers(server))
    in_force(one)
    in_force(two)
    same("asked by the first", one.ask("known.a@" + ASKED), "DUNNO")
    same("asked by the first", one.ask("other.a@" + ASKED),
         "550 5.1.1 User unknown")
    loaded = one.ctl("cache", "load", input=(
        "verification known.loaded@%s result=valid state=active by=call-ahead "
        "checked_at=%d\n" % (ASKED, time.time() * 1000)))
    same("cache load: " + loaded.stderr, loaded.returncode, 0)
    until("the primary is up", lambda: one.ask("user00000@" + GATED)
          .startswith("451"))
    until("at both", lambda: two.ask("user00001@" + GATED, "192.0.3.7")
          .startswith("451"))
    client = "198.51.100.7"
    same("a stranger", one.ask("user00002@" + GATED, client)[:9], "451 4.3.2")
    same("the same at the other one",
         two.ask("user00002@" + GATED, client)[:9], "451 4.3.2")
    time.sleep(1.2)
    same("again, at the first", one.ask("user00002@" + GATED, client),
         "DUNNO")
    until("the record is there", lambda: len(server.cli(
        "KEYS", "bmx:{%s}:gate:*" % GATED).split()) >= 2)
    same("passed, at the other one, with another sender or recipient",
         two.ask("user00003@" + GATED, client), "DUNNO")
    lab.primary.kill()
    lab.primary.wait()
    for local, want in (("known.a", "DUNNO"), ("known.loaded", "DUNNO"),
                        ("other.a", "550 5.1.1 User unknown")):
        same(local + " at the other one", two.ask(local + "@" + ASKED), want)
    holds("one that nobody asked about", two.ask("known.b@" + ASKED), "DEFER")
    for backup in (one, two):
        backup.stop()


def test_eviction(lab):
    server = lab.server("a", "--maxmemory-policy", "allkeys-lru")
    publisher = lab.publisher(servers(server))
    lab.publish(publisher)
    backup = Backup(lab, "backup", servers(server))
    print("    " + logged(backup, "redis-evicts", "allkeys-lru"))
    holds("status", backup.status_text(), "maxmemory-policy is allkeys-lru")
    same("metric", backup.metric("backupmx_redis_noeviction"), 0.0)
    server.cli("CONFIG", "SET", "maxmemory-policy", "noeviction")
    server.cli("CLIENT", "KILL", "TYPE", "normal")
    until("the new policy", lambda: backup.metric(
        "backupmx_redis_noeviction") == 1.0)
    backup.stop()


def main(policyd, only=""):
    for program in ("redis-server", "redis-cli", "openssl"):
        if not shutil.which(program):
            redis_lab.skip(program + " is not installed")
    tests = [test for name, test in list(globals().items())
             if name.startswith("test_") and only in name]
    return 0 if all([redis_backups.run(test, policyd) for test in tests]) else 1


if __name__ == "__main__":
    sys.exit(main(os.path.abspath(sys.argv[1]), *sys.argv[2:3]))
