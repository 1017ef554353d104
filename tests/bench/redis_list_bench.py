#!/usr/bin/env python3
"""redis_list_bench.py BUILD [RECIPIENTS]: figures of published lists.

With a redis-server of its own and the programs of BUILD: how long a full
publication takes, how long it takes to follow it, how long 100 changes take
for both and until policyd answers by them, commands, and memory. Prints; it
asserts nothing.
"""
import os
import random
import resource
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "integration"))
sys.path.insert(0, os.path.join(HERE, "..", "support"))
import redis_list_test as lab_of  # noqa: E402

CHANGES = 100


def cpu_s():
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def timed(name, act):
    """Also the processor time of the programs that ended meanwhile."""
    begin, before = time.monotonic(), cpu_s()
    act()
    print(f"{name:<44} {time.monotonic() - begin:8.3f} s, "
          f"cpu {cpu_s() - before:6.3f} s")


def run_ctl(lab, conf, *words):
    out = lab.ctl(conf, *words)
    if out.returncode != 0:
        sys.exit(f"{words}: {out.stderr}")


def memory(redis):
    for line in redis("INFO", "memory").splitlines():
        if line.startswith("used_memory:"):
            return int(line.partition(":")[2])
    return 0


def change(locals_, count, mark):
    for i, index in enumerate(random.sample(range(len(locals_)), count)):
        locals_[index] = f"{mark}.{i}"


def main():
    build = os.path.abspath(sys.argv[1])
    count = int(sys.argv[2]) if len(sys.argv) > 2 else 1000000
    random.seed(1)
    with tempfile.TemporaryDirectory(prefix="backupmx.") as directory:
        os.chmod(directory, 0o755)
        lab = lab_of.Lab(build + "/policyd/backupmx-policyd", directory)
        try:
            bench(lab, count)
        finally:
            lab.stop()


def bench(lab, count):
    lab.redis.start()
    lab.locals = [f"first{i % 1000:03d}.last{i:07d}" for i in range(count)]
    random.shuffle(lab.locals)
    follower = lab.configure("follower", "reader", "1h")
    source = "file:" + lab.list_path
    publish = ("publish", lab_of.DOMAIN, "--from", source)
    follow = ("load", lab_of.DOMAIN, "--from", "redis:")
    size = sum(len(local) for local in lab.locals) / count
    print(f"{count} recipients of {size:.0f} octets")

    lab.write_list()
    before = memory(lab.redis)
    timed("full publication", lambda: run_ctl(lab, lab.publisher, *publish))
    print(f"{'Redis memory a recipient':<44} "
          f"{(memory(lab.redis) - before) / count:8.1f} octets")
    timed("follow it from nothing", lambda: run_ctl(lab, follower, *follow))
    timed("publish the same list",
          lambda: run_ctl(lab, lab.publisher, *publish))
    for turn in range(3):
        change(lab.locals, CHANGES, f"turn{turn}")
        lab.write_list()
        lab.redis("CONFIG", "RESETSTAT")
        begin = time.monotonic()
        timed(f"publish {CHANGES} changes",
              lambda: run_ctl(lab, lab.publisher, *publish))
        timed(f"follow {CHANGES} changes",
              lambda: run_ctl(lab, follower, *follow))
        print(f"{'both':<44} {time.monotonic() - begin:8.3f} s, "
              f"{sum(lab.redis.calls().values())} commands")
    through_policyd(lab, publish)
    lab.locals = lab.locals[:count - 20000]
    lab.write_list()
    timed("20,000 fewer: a full load anew",
          lambda: run_ctl(lab, lab.publisher, *publish))
    timed("follow it", lambda: run_ctl(lab, follower, *follow))
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    print(f"{'largest process':<44} {children.ru_maxrss / 1024:8.0f} MiB")


def through_policyd(lab, publish):
    """From the start of `publish` until policyd answers by the new list."""
    backup = lab.backup("daemon", "1h")
    lab_of.until("policyd has the list", 60,
                 lambda: backup.knows(lab.locals[0]))
    for turn in range(3):
        change(lab.locals, CHANGES, f"daemon{turn}")
        lab.write_list()
        new = f"daemon{turn}.{CHANGES - 1}"

        def act(local=new):
            subprocess.run([lab.ctl_path, "-c", lab.publisher, *publish],
                           check=True, stdout=subprocess.DEVNULL)
            lab_of.until("policyd has the change", 60,
                         lambda: backup.knows(local))

        timed(f"{CHANGES} changes published and answered by", act)
    backup.stop()


if __name__ == "__main__":
    main()
