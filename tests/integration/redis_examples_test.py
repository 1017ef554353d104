#!/usr/bin/env python3
"""redis_examples_test.py POLICYD: postfix-examples/redis works as it stands.

Its files are taken as they are but for paths, port, host name and passwords:
a redis-server with redis.conf and users.acl, policyd with the backup's
backupmx.conf, and what cron or systemd would run on the primary. Exit status
77 when redis-server is missing.
"""
import os
import re
import shutil
import stat
import subprocess
import sys
import tempfile

import redis_backups
import redis_lab
from redis_lab import ROOT, until

EXAMPLES = os.path.join(ROOT, "postfix-examples", "redis")
DEBIANS = "/etc/redis/redis.conf"
DOMAIN = "example.test"


class Lab(redis_backups.Lab):
    def __init__(self, folder, policyd):
        super().__init__(folder, policyd)
        self.port = redis_lab.free_port()
        for name in ("redis", "backup", "primary", "postfix", "state"):
            os.makedirs(os.path.join(folder, name))
        redis_backups.own(os.path.join(folder, "state"))

    def path(self, *words):
        return os.path.join(self.folder, *words)

    def put(self, name, *where):
        """The example's file with this lab's paths. @return where it is"""
        with open(os.path.join(EXAMPLES, name), encoding="ascii") as file:
            text = file.read()
        host = name.partition("/")[0]
        for old, new in (
                ("/etc/redis", self.path("redis")),
                ("/run/redis", self.path("redis")),
                ("/etc/backupmx", self.path(host)),
                ("/var/lib/backupmx", self.path("state" if host == "backup"
                                                else "primary")),
                ("/var/spool/postfix/backupmx", self.path("state")),
                ("/run/backupmx", self.path("state")),
                ("/etc/postfix", self.path("postfix")),
                ("/usr/local/sbin/backupmx-make-list",
                 self.path("primary", "make-list")),
                ("/usr/sbin/backupmxctl publish",
                 "%s -c %s publish" % (self.ctl, self.path(
                     "primary", "backupmx.conf"))),
                ("rediss://backup.example.test", "rediss://localhost"),
                ("6380", str(self.port)),
                ('socket_group = "postfix"', 'socket_group = ""'),
                ('control      =', 'metrics = ""\n\tcontrol      =')):
            text = text.replace(old, new)
        path = self.path(*(where or name.split("/")))
        with open(path, "w", encoding="ascii") as file:
            file.write(text)
        shutil.copymode(os.path.join(EXAMPLES, name), path)
        return path

    def write(self, text, *where):
        path = self.path(*where)
        with open(path, "w", encoding="ascii") as file:
            file.write(text)
        return path


def start_redis(lab):
    """The example's lines behind Debian's own file, if it can be read."""
    authority = redis_lab.certificate(lab.path("redis"), "ca")
    page = redis_lab.certificate(lab.path("redis"), "localhost", authority)
    for end in (".pem", ".key"):
        os.replace(page + end, lab.path("redis", "backup.example.test" + end))
    lab.put("backup/users.acl", "redis", "users.acl")
    conf = lab.put("backup/redis.conf", "redis", "redis.conf")
    with open(conf, encoding="ascii") as file:
        text = file.read()
    if os.access(DEBIANS, os.R_OK):
        with open(DEBIANS, encoding="utf-8") as file:
            text = file.read() + text
    # Where a service would be, and who.
    text += "daemonize no\nsupervised no\npidfile \"\"\nlogfile %s\ndir %s\n" \
        % (lab.path("redis", "log"), lab.path("redis"))
    lab.write(text.replace("unixsocketperm 770", "unixsocketperm 777"),
              "redis", "redis.conf")
    process = subprocess.Popen(["redis-server", conf],
                               stdout=subprocess.DEVNULL)
    lab.children.append(process)
    until("redis-server", lambda: os.path.exists(
        lab.path("redis", "redis-server.sock")))


def tables(lab, *users):
    lab.write("".join("%s@%s %s/\n" % (user, DOMAIN, user)
                      for user in users), "postfix", "vmailbox")
    lab.write("# aliases\ninfo@%s alice@%s\n" % (DOMAIN, DOMAIN),
              "postfix", "valias")


def prepare_primary(lab):
    lab.put("primary/backupmx.conf")
    lab.put("primary/make-list")
    shutil.copy(lab.path("redis", "ca.pem"), lab.path("primary",
                                                      "redis-ca.pem"))
    lab.write("change-me-publisher\n", "primary", "redis-password")
    tables(lab, "alice", "bob", "carol", "dave", "erin", "frank", "grace")


def start_backup(lab):
    lab.write("change-me-reader\n", "backup", "redis-password")
    backup = redis_backups.Backup(lab, "unused", start=False)
    backup.conf = lab.put("backup/backupmx.conf")
    backup.folder = lab.path("state")
    backup.start()
    return backup


def run_service(lab):
    """As systemd does: each ExecStart, until one fails."""
    unit = lab.put("primary/backupmx-publish.service")
    with open(unit, encoding="ascii") as file:
        commands = re.findall(r"^ExecStart=(.*)$", file.read(), re.M)
    if len(commands) != 2:
        raise AssertionError("ExecStart: %r" % commands)
    for command in commands:
        subprocess.run(command.split(), check=True)
    units = [unit] + [lab.put("primary/backupmx-publish." + kind)
                      for kind in ("path", "timer")]
    if shutil.which("systemd-analyze"):
        ran = subprocess.run(["systemd-analyze", "verify", *units],
                             capture_output=True, text=True, check=False)
        bad = [line for line in ran.stderr.splitlines()
               if "backupmx-publish" in line]
        if bad:
            raise AssertionError("systemd-analyze: %s" % bad)


def run_cron(lab):
    with open(lab.put("primary/backupmx-publish.cron"),
              encoding="ascii") as file:
        line = [one for one in file if one[0] != "#"][0]
    words = line.split(None, 6)
    if words[5] != "root":
        raise AssertionError("not a line of cron.d: " + line)
    subprocess.run(["/bin/sh", "-c", words[6]], check=True)


def run(lab):
    start_redis(lab)
    prepare_primary(lab)
    backup = start_backup(lab)
    run_service(lab)
    until("the list", lambda: backup.knows("alice@" + DOMAIN))
    answer = backup.ask("nobody@" + DOMAIN)
    if answer != "550 5.1.1 User unknown":
        raise AssertionError("an unknown user: " + answer)
    tables(lab, "alice", "bob", "carol", "dave", "erin", "frank", "heidi")
    run_cron(lab)
    until("the change", lambda: backup.knows("heidi@" + DOMAIN), 5)
    link = backup.link()
    if link["last_error"] or link["maxmemory_policy"] != "noeviction":
        raise AssertionError("the link: %s" % link)
    lab.write("", "postfix", "vmailbox")
    lab.write("", "postfix", "valias")
    make_list = lab.path("primary", "make-list")
    if subprocess.run([make_list], check=False).returncode == 0:
        raise AssertionError("make-list takes empty tables")
    if not os.stat(make_list).st_mode & stat.S_IXUSR:
        raise AssertionError("make-list cannot be run")
    backup.stop()


def main(policyd):
    for program in ("redis-server", "redis-cli", "openssl"):
        if not shutil.which(program):
            redis_lab.skip(program + " is not installed")
    lab = Lab(tempfile.mkdtemp(prefix="bmxe-", dir="/tmp"), policyd)
    try:
        run(lab)
        print("ok    the examples for Redis")
        return 0
    except (AssertionError, OSError, ValueError,
            subprocess.SubprocessError) as error:
        print("FAIL  %r" % error)
        lab.show_logs()
        return 1
    finally:
        lab.close()


if __name__ == "__main__":
    sys.exit(main(os.path.abspath(sys.argv[1])))
