#!/usr/bin/env python3
"""The link to Redis before real servers. redis_link_test.py DRIVER [NAME]

What is measured is printed; RESTARTS=100 kills a server so many times.
"""

import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time

import redis_lab
from redis_lab import Driver, Proxy, Server, until


def same(got, want):
    if got != want:
        raise AssertionError("got %r, want %r" % (got, want))


def holds(text, part):
    if part not in text:
        raise AssertionError("%r is not in %r" % (part, text))


def never_wrong(load, longest_ms=1000):
    print("    %s" % load)
    same(load["wrong"], 0)
    if load["good"] == 0:
        raise AssertionError("no answer at all")
    if load["longest_ms"] > longest_ms:
        raise AssertionError("an answer took %d ms" % load["longest_ms"])


def test_unix_tcp_and_name(lab):
    server = Server(lab, "a", "--maxmemory-policy", "allkeys-lru")
    for address in ("unix:" + server.socket, server.address,
                    "localhost:%d" % server.port,
                    "redis://127.0.0.1:%d" % server.port):
        driver = Driver(lab, "server=" + address, "database=2",
                        "timeout_ms=1000")
        same(driver.ask("SET k v"), "+OK")
        same(driver.ask("GET k"), "v")
        same(driver.ask("MULTI ; INCR n ; EXEC"),
             "[+OK +QUEUED [:%s]]" % server.cli("-n", "2", "GET", "n"))
        holds(driver.ask("LPUSH k x"), "-WRONGTYPE")
        same(driver.ask("CLIENT GETNAME"), "driver")
        state = driver.state()
        same(state["role"], "master")
        until("the policy", lambda d=driver:
              d.state()["policy"] == "allkeys-lru")
        same(driver.end(), 0)
    same(server.cli("GET", "k"), "")  # it went to database 2


def test_unknown_name(lab):
    driver = Driver(lab, "server=no-such-host.invalid:1")
    until("an error", lambda: driver.state()["error"] != "")
    holds(driver.state()["error"], "no-such-host.invalid")
    same(driver.end(), 0)


def test_tls(lab):
    authority = redis_lab.certificate(lab.folder, "authority")
    right = redis_lab.certificate(lab.folder, "localhost", authority,
                                  ip="127.0.0.1")
    server = Server(lab, "tls", "--tls-cert-file", right + ".pem",
                    "--tls-key-file", right + ".key", "--tls-ca-cert-file",
                    authority + ".pem", "--tls-auth-clients", "no", tls=True)
    ca = "tls_ca_file=" + authority + ".pem"
    for host in ("localhost", "127.0.0.1"):
        driver = Driver(lab, "server=rediss://%s:%d" % (host, server.port),
                        ca, "timeout_ms=1000")
        same(driver.ask("SET k v"), "+OK")
        same(driver.end(), 0)
    # In clear to a TLS port, and no known authority.
    for settings in (["server=" + server.address],
                     ["server=rediss://" + server.address]):
        driver = Driver(lab, *settings)
        holds(driver.ask("GET k"), "failed")
        same(driver.state()["up"], "0")
        same(driver.end(), 0)
    server.stop()
    wrong = redis_lab.certificate(lab.folder, "other.example.test", authority)
    server = Server(lab, "tls2", "--tls-cert-file", wrong + ".pem",
                    "--tls-key-file", wrong + ".key", "--tls-ca-cert-file",
                    authority + ".pem", "--tls-auth-clients", "no", tls=True)
    driver = Driver(lab, "server=rediss://localhost:%d" % server.port, ca)
    holds(driver.ask("GET k"), "failed")
    until("a fault", lambda: driver.state()["fault"] == "1")
    print("    " + driver.state()["error"])
    same(driver.end(), 0)


def test_password(lab):
    server = Server(lab, "acl")
    server.cli("ACL", "SETUSER", "bmx", "on", ">right", "~bmx:*", "&bmx:*",
               "-@all", "+@read", "+@write", "+@transaction", "+subscribe",
               "+publish", "+ping", "+client|setname", "+select")
    server.cli("CONFIG", "SET", "requirepass", "other")
    path = os.path.join(lab.folder, "password")
    with open(path, "w", encoding="ascii") as file:
        file.write("wrong\n")
    driver = Driver(lab, "server=" + server.address, "username=bmx",
                    "password_file=" + path)
    until("a fault", lambda: driver.state()["fault"] == "1")
    state = driver.state()
    holds(state["error"], "WRONGPASS")
    same(state["breaker"], "open")
    holds(driver.ask("GET bmx:k"), "failed closed")
    with open(path, "w", encoding="ascii") as file:
        file.write("right\n")
    print("    a new password is taken after %.1f s" % driver.wait_up())
    same(driver.state()["role"], "unknown")  # ROLE is not permitted
    same(driver.ask("SET bmx:k v"), "+OK")
    holds(driver.ask("GET other"), "-NOPERM")
    driver.tell("subscribe bmx:changed")
    driver.hear("heard subscribed")
    driver.ask("PUBLISH bmx:changed news")
    driver.hear("heard message news")
    time.sleep(2.5)  # checks go on with PING
    same(driver.state()["up"], "1")
    same(driver.end(), 0)
    # The default user's password.
    with open(path, "w", encoding="ascii") as file:
        file.write("other")
    driver = Driver(lab, "server=" + server.address, "password_file=" + path)
    same(driver.ask("SET k v"), "+OK")
    same(driver.end(), 0)
    # No password where one is needed.
    driver = Driver(lab, "server=" + server.address)
    until("a fault", lambda: driver.state()["fault"] == "1")
    holds(driver.state()["error"], "NOAUTH")
    same(driver.end(), 0)


def test_subscription_survives(lab):
    server = Server(lab, "a")
    driver = Driver(lab, "server=" + server.address)
    driver.tell("subscribe changed")
    driver.hear("heard subscribed")
    server.kill()
    driver.hear("heard deaf")
    server.start()
    driver.hear("heard subscribed")
    server.cli("PUBLISH", "changed", "again")
    driver.hear("heard message again")
    same(driver.end(), 0)


def test_stopped(lab):
    server = Server(lab, "a")
    lab.fill(server)
    driver = Driver(lab, "server=" + server.address)
    driver.wait_up()
    driver.tell("load 1000")
    time.sleep(0.5)
    server.signal(signal.SIGSTOP)
    time.sleep(float(os.environ.get("STOPPED", "4")))
    same(driver.state()["up"], "0")
    server.signal(signal.SIGCONT)
    print("    up %.1f s after SIGCONT" % driver.wait_up(7))
    time.sleep(0.5)
    never_wrong(driver.load(), 400)
    same(driver.end(), 0)


def record(driver, name):
    driver.tell("get " + name)
    return driver.hear("record ").split(" ")[1]


def check_records(lab, driver, cli):
    del lab
    names = ["joe", "*", "a{b}c", "x%41", "j\u00f6", "a*b", "[z]"]
    for name in names:
        driver.tell("put " + name)
    for name in names:
        same(record(driver, name), "found")
    same(record(driver, "nobody"), "absent")
    key = "bmx:{example.test}:v:joe"
    if not 1209590000 < int(cli("PTTL", key)) <= 1209600000:
        raise AssertionError("kept for " + cli("PTTL", key))
    driver.tell("remove joe")
    same(record(driver, "joe"), "absent")
    cli("DEL", key)
    cli("LPUSH", key, "somebody else's")
    same(record(driver, "joe"), "absent")
    driver.tell("put joe")  # takes the place of what is no record
    same(record(driver, "joe"), "found")
    cli("SET", "bmx:{other.test}:v:joe", "x")
    for i in range(450):  # more than one step, and than one DEL
        driver.tell("put many%d" % i)
    same(record(driver, "many449"), "found")
    driver.tell("sweep")
    until("no record", lambda: record(driver, "*") == "absent" and
          not any(record(driver, "many%d" % i) == "found"
                  for i in range(450)))
    for name in names:
        same(record(driver, name), "absent")
    same(cli("GET", "bmx:{other.test}:v:joe"), "x")


# What policyd needs to share records, beside what it needs to follow lists.
SHARER = ("on >secret resetkeys resetchannels ~bmx:* &bmx:* -@all +auth +ping "
          "+role +client|setname +config|get +select +info +get +set +hgetall "
          "+hset +pexpire +del +scan +multi +exec")


def test_records_with_least_rights(lab):
    server = Server(lab, "a")
    server.cli("ACL", "SETUSER", "sharer", *SHARER.split())
    path = os.path.join(lab.folder, "password")
    with open(path, "w", encoding="ascii") as file:
        file.write("secret\n")
    driver = Driver(lab, "server=" + server.address, "username=sharer",
                    "password_file=" + path)
    driver.wait_up()
    check_records(lab, driver, server.cli)
    same(driver.state()["error"], "")
    same(driver.end(), 0)


def test_records(lab):
    server = Server(lab, "a")
    lab.fill(server, count=5000)  # keys of others, that a sweep walks over
    driver = Driver(lab, "server=" + server.address)
    driver.wait_up()
    check_records(lab, driver, server.cli)
    server.cli("FLUSHALL")
    same(record(driver, "joe"), "absent")
    server.kill()
    until("no answer", lambda: record(driver, "joe") == "unavailable")
    same(driver.end(), 0)


def test_records_in_a_cluster(lab):
    nodes = cluster(lab)
    driver = Driver(lab, "cluster=1", "server=" + nodes[0].address)
    driver.wait_up()
    time.sleep(0.3)

    def cli(*words):
        return subprocess.run(
            ["redis-cli", "-c", "-p", str(nodes[0].port), *words],
            capture_output=True, text=True, check=False).stdout.strip()

    check_records(lab, driver, cli)
    same(driver.end(), 0)


def test_killed(lab):
    server = Server(lab, "a", "--appendonly", "yes")
    lab.fill(server)
    driver = Driver(lab, "server=unix:" + server.socket)
    driver.wait_up()
    driver.tell("load 1000")
    slowest = 0
    for _ in range(int(os.environ.get("RESTARTS", "5"))):
        server.kill()
        server.start()
        slowest = max(slowest, driver.wait_up(7))
    time.sleep(0.5)
    print("    up at the latest %.1f s after a restart" % slowest)
    load = driver.load()
    never_wrong(load, 400)
    same(load["nil"], 0)
    same(driver.end(), 0)


def test_full_and_crowded(lab):
    server = Server(lab, "a", "--maxmemory", "2mb", "--maxmemory-policy",
                    "noeviction", "--maxclients", "4")
    driver = Driver(lab, "server=" + server.address)
    same(driver.ask("SET small v"), "+OK")
    server.cli("CONFIG", "SET", "maxmemory", "1")
    holds(driver.ask("SET k v"), "-OOM")
    same(driver.ask("GET small"), "v")
    same(driver.state()["up"], "1")
    holds(driver.state()["error"], "OOM")
    # Clients take all places; the unasked error is told.
    crowd = [Driver(lab, "server=" + server.address) for _ in range(4)]
    until("one that finds no place", lambda: any(
        "max number of clients" in one.state()["error"] for one in crowd))
    same(driver.state()["up"], "1")
    for one in crowd + [driver]:
        same(one.end(), 0)


def test_replica(lab):
    master = Server(lab, "m")
    replica = Server(lab, "r", "--replicaof", "127.0.0.1 %d" % master.port)
    until("a synchronised replica", lambda:
          "master_link_status:up" in replica.cli("INFO", "replication"))
    master.cli("SET", "k", "v")
    until("the key", lambda: replica.cli("GET", "k") == "v")
    driver = Driver(lab, "server=" + replica.address)
    driver.wait_up()
    same(driver.state()["role"], "replica")
    until("a lag", lambda: driver.state()["lag"] != "-1")
    holds(driver.ask("SET k w"), "-READONLY")
    same(driver.ask("GET k"), "v")
    master.kill()
    until("a replica alone", lambda: driver.state()["link"] == "0")
    same(driver.ask("GET k"), "v")
    replica.cli("REPLICAOF", "NO", "ONE")
    until("a master", lambda: driver.state()["role"] == "master")
    same(driver.ask("SET k w"), "+OK")
    # A master that is demoted says so at the next write.
    other = Server(lab, "o")
    replica.cli("REPLICAOF", "127.0.0.1", str(other.port))
    until("a replica again", lambda: driver.state()["role"] == "replica")
    same(driver.end(), 0)


def test_proxy(lab):
    server = Server(lab, "a")
    lab.fill(server)
    proxy = Proxy(lab, server.address)
    driver = Driver(lab, "server=" + proxy.address)
    driver.wait_up()
    for faults in (["down delay 20"], ["down delay 400"], ["up delay 400"],
                   ["down drip 400"], ["up drip 400"], ["down truncate 1000"],
                   ["down truncate 13"], ["up truncate 500"],
                   ["down reset"], ["up reset"], ["down hole"],
                   ["up hole"], ["accept hole", "down reset"],
                   ["accept reset", "up reset"]):
        proxy.set(*faults)
        driver.tell("load 300")
        time.sleep(1.2)
        load = driver.load()
        same(load["wrong"], 0)
        proxy.set()
        took = driver.wait_up(12)
        # What was late may still be on its way through the proxy.
        until("an answer", lambda: driver.ask("GET key:7") == "value:7", 12)
        print("    %-28s %s; up after %.1f s"
              % (", ".join(faults), load, took))
        if load["longest_ms"] > 600:
            raise AssertionError("an answer took too long")
    same(driver.end(), 0)


def sentinels(lab, master):
    made = []
    for i in range(3):
        folder = os.path.join(lab.folder, "s%d" % i)
        os.makedirs(folder)
        with open(os.path.join(folder, "redis.conf"), "w",
                  encoding="ascii") as file:
            file.write("sentinel monitor bmx 127.0.0.1 %d 2\n"
                       "sentinel down-after-milliseconds bmx 2000\n"
                       "sentinel failover-timeout bmx 10000\n" % master.port)
        made.append(Server(lab, "s%d" % i, sentinel=True))
    return made


def test_sentinel(lab):
    master = Server(lab, "m")
    replica = Server(lab, "r", "--replicaof", "127.0.0.1 %d" % master.port)
    lab.fill(master)
    until("a synchronised replica", lambda:
          replica.cli("GET", "key:999") == "value:999")
    three = sentinels(lab, master)
    until("Sentinels that know each other", lambda: all(
        "num-other-sentinels\n2" in one.cli("SENTINEL", "MASTER", "bmx") and
        "num-slaves\n1" in one.cli("SENTINEL", "MASTER", "bmx")
        for one in three), 30)
    three[0].signal(signal.SIGSTOP)  # the first one does not answer
    driver = Driver(lab, "master_name=bmx",
                    *["sentinel=" + one.address for one in three])
    driver.wait_up()
    same(driver.state()["server"], master.address)
    three[0].signal(signal.SIGCONT)
    driver.tell("load 1000")
    time.sleep(0.5)
    master.kill()
    begin = time.monotonic()
    until("the new master", lambda: driver.state()["up"] == "1" and
          driver.state()["server"] == replica.address, 20)
    print("    failed over within %.1f s (down after 2 s)"
          % (time.monotonic() - begin))
    if time.monotonic() - begin > 7:
        raise AssertionError("the failover took too long")
    time.sleep(0.3)
    load = driver.load()
    never_wrong(load, 1000)
    same(load["nil"], 0)
    same(driver.ask("SET k v"), "+OK")
    same(driver.end(), 0)
    driver = Driver(lab, "master_name=nobody", "sentinel=" + three[1].address)
    until("an error", lambda: "nobody" in driver.state()["error"])
    same(driver.end(), 0)


def cluster(lab):
    nodes = [Server(lab, "c%d" % i, "--cluster-enabled", "yes",
                    "--cluster-node-timeout", "2000") for i in range(3)]
    subprocess.run(["redis-cli", "--cluster", "create",
                    *[node.address for node in nodes], "--cluster-yes"],
                   capture_output=True, check=True)
    until("a Cluster", lambda: all(
        "cluster_state:ok" in node.cli("CLUSTER", "INFO") for node in nodes),
        20)
    return nodes


def move_slot(slot, source, target):
    """As redis-cli reshards, key by key; yields between the steps."""
    ids = {node: node.cli("CLUSTER", "MYID") for node in (source, target)}
    target.cli("CLUSTER", "SETSLOT", str(slot), "IMPORTING", ids[source])
    source.cli("CLUSTER", "SETSLOT", str(slot), "MIGRATING", ids[target])
    while True:
        keys = source.cli("CLUSTER", "GETKEYSINSLOT", str(slot), "1")
        if not keys:
            break
        source.cli("MIGRATE", "127.0.0.1", str(target.port), keys, "0",
                   "1000")
    target.cli("CLUSTER", "SETSLOT", str(slot), "NODE", ids[target])
    source.cli("CLUSTER", "SETSLOT", str(slot), "NODE", ids[target])


def test_cluster(lab):
    nodes = cluster(lab)
    lab.fill(nodes[0], "-c")
    driver = Driver(lab, "cluster=1",
                    *["server=" + node.address for node in nodes])
    driver.wait_up()
    for i in range(20):
        same(driver.ask("GET key:%d" % i), "value:%d" % i)
    same(driver.ask("MULTI ; SET {t}a 1 ; SET {t}b 2 ; EXEC"),
         "[+OK +QUEUED +QUEUED [+OK +OK]]")
    driver.tell("load 1000")
    time.sleep(0.3)
    for i in range(40):  # the slots of 40 keys, one after the other
        slot = int(nodes[0].cli("CLUSTER", "KEYSLOT", "key:%d" % i))
        owner = next(node for node in nodes if re.search(
            "myself.*", node.cli("CLUSTER", "NODES")) and owns(node, slot))
        target = nodes[(nodes.index(owner) + 1) % 3]
        move_slot(slot, owner, target)
    time.sleep(0.3)
    load = driver.load()
    never_wrong(load, 1000)
    same((load["nil"], load["error"], load["lost"], load["refused"]),
         (0, 0, 0, 0))
    # A batch into a slot that has moved since the map was read.
    slot = int(nodes[0].cli("CLUSTER", "KEYSLOT", "{t}"))
    owner = next(node for node in nodes if owns(node, slot))
    move_slot(slot, owner, nodes[(nodes.index(owner) + 1) % 3])
    same(driver.ask("MULTI ; SET {t}a 3 ; SET {t}b 4 ; EXEC"),
         "[+OK +QUEUED +QUEUED [+OK +OK]]")
    # A key that is under way: ASK.
    slot = int(nodes[0].cli("CLUSTER", "KEYSLOT", "fresh"))
    owner = next(node for node in nodes if owns(node, slot))
    target = nodes[(nodes.index(owner) + 1) % 3]
    target.cli("CLUSTER", "SETSLOT", str(slot), "IMPORTING",
               owner.cli("CLUSTER", "MYID"))
    owner.cli("CLUSTER", "SETSLOT", str(slot), "MIGRATING",
              target.cli("CLUSTER", "MYID"))
    same(driver.ask("SET fresh v"), "+OK")
    same(driver.ask("GET fresh"), "v")
    same(driver.end(), 0)


def owns(node, slot):
    mine = next(line for line in node.cli("CLUSTER", "NODES").splitlines()
                if "myself" in line)
    for word in mine.split()[8:]:
        if word.startswith("["):
            continue
        first, _, last = word.partition("-")
        if int(first) <= slot <= int(last or first):
            return True
    return False


def test_cluster_loses_a_node(lab):
    nodes = cluster(lab)
    lab.fill(nodes[0], "-c")
    driver = Driver(lab, "cluster=1", "server=" + nodes[0].address,
                    "server=" + nodes[1].address)
    driver.wait_up()
    driver.tell("load 500")
    time.sleep(0.5)
    nodes[0].kill()  # the one that is asked first
    time.sleep(1)
    nodes[0].start()
    until("a Cluster", lambda: all("cluster_state:ok" in
          node.cli("CLUSTER", "INFO") for node in nodes), 20)
    until("no error", lambda: driver.ask("GET key:1") == "value:1")
    never_wrong(driver.load(), 1000)
    same(driver.end(), 0)


def main(driver, only):
    for program in ("redis-server", "redis-cli", "openssl"):
        if not shutil.which(program):
            redis_lab.skip(program + " is not installed")
    failed = []
    for name, test in list(globals().items()):
        if not name.startswith("test_") or (only and only not in name):
            continue
        begin = time.monotonic()
        # Paths of unix sockets are short.
        lab = redis_lab.Lab(tempfile.mkdtemp(prefix="bmxr-", dir="/tmp"),
                            driver)
        try:
            test(lab)
            print("ok    %s (%.1f s)" % (name, time.monotonic() - begin),
                  flush=True)
        except (AssertionError, OSError, subprocess.SubprocessError) as error:
            print("FAIL  %s: %s" % (name, error), flush=True)
            failed.append(name)
        finally:
            lab.close()
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2] if len(sys.argv) > 2 else ""))
