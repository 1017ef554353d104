#!/usr/bin/env python3
"""panels_test.py POLICYD: the presets of postfix-examples/sources.

The tables that mail panels keep their users in, with rows good and odd, in a
real MariaDB and a real PostgreSQL; and Postfix's own maps. What a preset
writes is exactly what panels/NAME.want says, and `backupmxctl load` takes it
as `exec:`. A database that is not installed is left out; with neither, the
maps alone are tried.
"""
import glob
import os
import pwd
import shutil
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
PANELS = os.path.join(HERE, "panels")
PRESETS = os.path.join(HERE, "..", "..", "postfix-examples", "sources")
USER = "nobody"
# Which panel runs on which database.
SQL = {"postfixadmin": ("mysql", "psql"), "iredmail": ("mysql", "psql"),
       "modoboa": ("mysql", "psql"), "mailcow": ("mysql",),
       "ispconfig": ("mysql",)}
CONFIG = """
hostname = "backup.test"
state_dir = "{dir}/state"
policyd {{ metrics = ""  control = "unix:{dir}/control.sock" }}
{domains}
"""


class Failed(Exception):
    pass


def expect(name, got, want):
    if got != want:
        raise Failed(f"{name}: got {got}, wanted {want}")


def run(*words, **options):
    options.setdefault("stdin", subprocess.DEVNULL)
    return subprocess.run(words, capture_output=True, text=True, timeout=60,
                          check=False, **options)


def must(*words, **options):
    if "input" in options:
        options["stdin"] = None
        del options["stdin"]
        done = subprocess.run(words, capture_output=True, text=True,
                              timeout=60, check=False, **options)
    else:
        done = run(*words, **options)
    if done.returncode != 0:
        raise Failed(f"{' '.join(words)}: {done.stdout}{done.stderr}")
    return done.stdout


def drop_to(user):
    entry = pwd.getpwnam(user)

    def become():
        os.setgroups([])
        os.setgid(entry.pw_gid)
        os.setuid(entry.pw_uid)
    return become


def own(path, user):
    entry = pwd.getpwnam(user)
    os.chown(path, entry.pw_uid, entry.pw_gid)


def wait_for(name, process, ready):
    end = time.monotonic() + 30
    while time.monotonic() < end:
        if ready():
            return
        if process.poll() is not None:
            break
        time.sleep(0.1)
    raise Failed(f"{name} does not start")


class MariaDb:
    client = "mysql"

    def __init__(self, folder):
        self.folder = os.path.join(folder, "mysql")
        self.socket = os.path.join(self.folder, "sock")
        self.process = None

    @staticmethod
    def here():
        return all(shutil.which(name) for name in
                   ("mariadbd", "mariadb-install-db", "mysql"))

    def start(self):
        os.mkdir(self.folder, 0o755)
        own(self.folder, USER)
        data = os.path.join(self.folder, "data")
        must("mariadb-install-db", "--no-defaults", f"--datadir={data}",
             f"--user={USER}", "--auth-root-authentication-method=normal",
             "--skip-test-db", "--skip-name-resolve")
        with open(os.path.join(self.folder, "log"), "wb") as log:
            self.process = subprocess.Popen(
                ["mariadbd", "--no-defaults", f"--datadir={data}",
                 f"--user={USER}", f"--socket={self.socket}",
                 "--skip-networking", "--innodb-flush-log-at-trx-commit=0",
                 f"--pid-file={self.folder}/pid"],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        wait_for("MariaDB", self.process, lambda: run(
            "mysql", "--no-defaults", f"--socket={self.socket}", "-uroot",
            "-e", "SELECT 1").returncode == 0)
        self.sql("", "CREATE USER reader@localhost IDENTIFIED BY 's3cret'")

    def sql(self, database, text):
        must("mysql", "--no-defaults", f"--socket={self.socket}", "-uroot",
             *([database] if database else []), input=text)

    def load(self, name, text):
        self.sql("", f"CREATE DATABASE {name} CHARACTER SET utf8mb4")
        self.sql(name, text)
        self.sql("", f"GRANT SELECT ON {name}.* TO reader@localhost")

    def arguments(self, name, password="s3cret"):
        path = os.path.join(self.folder, f"{password}.cnf")
        with open(path, "w", encoding="ascii") as file:
            file.write(f"[client]\nsocket={self.socket}\nuser=reader\n"
                       f"password={password}\n")
        own(path, USER)
        os.chmod(path, 0o600)
        return [f"--defaults-file={path}", name]

    def stop(self):
        if self.process:
            self.process.terminate()
            self.process.wait(30)


class PostgreSql:
    client = "psql"

    def __init__(self, folder):
        self.folder = os.path.join(folder, "pgsql")
        self.process = None

    @staticmethod
    def program(name):
        found = sorted(glob.glob(f"/usr/lib/postgresql/*/bin/{name}"))
        return found[-1] if found else None

    @classmethod
    def here(cls):
        return bool(cls.program("initdb") and cls.program("postgres") and
                    shutil.which("psql"))

    def start(self):
        os.mkdir(self.folder, 0o755)
        own(self.folder, USER)
        data = os.path.join(self.folder, "data")
        secret = os.path.join(self.folder, "superuser")
        with open(secret, "w", encoding="ascii") as file:
            file.write("adm1n\n")
        os.chmod(secret, 0o644)
        must(self.program("initdb"), "-D", data, "-U", "admin", "-E", "UTF8",
             "--locale=C", "--no-sync", "--auth=scram-sha-256",
             f"--pwfile={secret}", preexec_fn=drop_to(USER), cwd="/")
        with open(os.path.join(self.folder, "log"), "wb") as log:
            self.process = subprocess.Popen(
                [self.program("postgres"), "-D", data, "-k", self.folder,
                 "-c", "listen_addresses=", "-c", "fsync=off", "-c",
                 "shared_buffers=8MB"],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                preexec_fn=drop_to(USER), cwd="/")
        wait_for("PostgreSQL", self.process, lambda: self.admin(
            "postgres", "SELECT 1").returncode == 0)
        self.sql("postgres", "CREATE USER reader PASSWORD 's3cret'")

    def admin(self, database, text):
        return run("psql", "-X", "-q", "-v", "ON_ERROR_STOP=1", "-h",
                   self.folder, "-U", "admin", "-d", database, "-c", text,
                   env={**os.environ, "PGPASSWORD": "adm1n"})

    def sql(self, database, text):
        done = self.admin(database, text)
        if done.returncode != 0:
            raise Failed(f"psql: {done.stderr}")

    def load(self, name, text):
        self.sql("postgres", f"CREATE DATABASE {name}")
        self.sql(name, text)
        self.sql(name, "GRANT SELECT ON ALL TABLES IN SCHEMA public TO reader")

    def arguments(self, name, password="s3cret"):
        path = os.path.join(self.folder, f"{password}.pgpass")
        with open(path, "w", encoding="ascii") as file:
            file.write(f"*:*:*:reader:{password}\n")
        own(path, USER)
        os.chmod(path, 0o600)
        return [f"postgresql://reader@/{name}?host={self.folder}"
                f"&passfile={path}"]

    def stop(self):
        if self.process:
            self.process.terminate()
            self.process.wait(30)


def read_want(name):
    """Addresses by domain; domains that have none are in the first line."""
    want = {}
    with open(os.path.join(PANELS, name + ".want"), encoding="ascii") as file:
        for domain in file.readline().split(" are ")[0].split()[1:]:
            want[domain] = set()
        for line in file:
            address = line.strip()
            want.setdefault(address.partition("@")[2], set()).add(address)
    return want


class Lab:
    def __init__(self, policyd, folder):
        self.ctl_path = os.path.join(os.path.dirname(policyd), "..", "ctl",
                                     "backupmxctl")
        self.folder = folder
        self.conf = os.path.join(folder, "backupmx.conf")
        self.checks = 0
        os.chmod(folder, 0o755)
        # As an administrator would install them.
        self.presets = os.path.join(folder, "presets")
        shutil.copytree(PRESETS, self.presets)
        os.chmod(self.presets, 0o755)

    def preset(self, name):
        return os.path.join(self.presets, name)

    def write(self, words, domain):
        return run(*words, env={"PATH": os.environ["PATH"],
                                "BACKUPMX_DOMAIN": domain},
                   preexec_fn=drop_to(USER), cwd="/")

    def ctl(self, *words):
        return run(self.ctl_path, "-c", self.conf, *words,
                   preexec_fn=drop_to(USER), cwd="/")

    def configure(self, domains):
        state = os.path.join(self.folder, "state")
        shutil.rmtree(state, ignore_errors=True)
        os.mkdir(state)
        own(state, USER)
        with open(self.conf, "w", encoding="ascii") as file:
            file.write(CONFIG.format(dir=self.folder, domains="\n".join(
                f'domain "{name}" {{ }}' for name in domains)))

    def check(self, name, words, want):
        """What the preset writes, and that a load takes it."""
        self.configure(want)
        source = "exec:" + " ".join(f'"{word}"' for word in words)
        for domain, addresses in want.items():
            done = self.write(words, domain)
            expect(f"{name}, {domain}: status {done.stderr}",
                   done.returncode, 0)
            lines = [line for line in done.stdout.splitlines()
                     if line.endswith("@" + domain)]
            expect(f"{name}, {domain}", sorted(lines), sorted(addresses))
            loaded = self.ctl("load", domain, "--from", source)
            expect(f"{name}, load {domain}: {loaded.stderr}",
                   loaded.returncode == 0, bool(addresses))
            if addresses:
                shown = self.ctl("list", domain).stdout.splitlines()
                expect(f"{name}, list {domain}", {
                    line for line in shown if "@" in line}, addresses)
            self.checks += 1


def check_sql(lab, database):
    for panel, clients in SQL.items():
        if database.client not in clients:
            continue
        with open(os.path.join(PANELS, panel + ".sql"),
                  encoding="ascii") as file:
            database.load(panel, file.read())
        words = [lab.preset("list-from-sql"), database.client,
                 lab.preset(panel + ".sql"), *database.arguments(panel)]
        lab.check(f"{panel} on {database.client}", words, read_want(panel))
    check_sql_failures(lab, database)


def check_sql_failures(lab, database):
    """Whatever fails says so by its exit status, and writes nothing."""
    good = lab.preset("postfixadmin.sql")
    bad = os.path.join(lab.folder, "bad.sql")
    with open(bad, "w", encoding="ascii") as file:
        file.write("SELECT nothing FROM nowhere\n")
    os.chmod(bad, 0o644)
    right = database.arguments("postfixadmin")
    rows = [("a query that fails", bad, right, "one.test"),
            ("no such query", good + "x", right, "one.test"),
            ("a wrong password", good,
             database.arguments("postfixadmin", "guess"), "one.test"),
            ("no such database", good, database.arguments("nowhere"),
             "one.test"),
            ("no domain", good, right, ""),
            ("a quote in the domain", good, right, "x' OR '1'='1"),
            ("a domain in capitals", good, right, "One.Test"),
            ("a line feed in the domain", good, right, "one.test\nx")]
    for name, query, arguments, domain in rows:
        done = lab.write([lab.preset("list-from-sql"), database.client, query,
                          *arguments], domain)
        expect(f"{name}: {done.stdout}{done.stderr}",
               (done.returncode != 0, done.stdout), (True, ""))
        lab.checks += 1
    text = {"mysql": "CREATE TABLE odd (a TEXT); INSERT INTO odd VALUES "
                     "('x@one.test\\n@one.test');",
            "psql": "CREATE TABLE odd (a TEXT); INSERT INTO odd VALUES "
                    "(E'x@one.test\\n@one.test');"}[database.client]
    database.load("odd", text)
    with open(bad, "w", encoding="ascii") as file:
        file.write("SELECT a FROM odd;\n")
    done = lab.write([lab.preset("list-from-sql"), database.client, bad,
                      *database.arguments("odd")], "one.test")
    expect("a line feed in a value", done.stdout,
           "x@one.test\\n@one.test\n")


def check_maps(lab):
    postmap = shutil.which("postmap", path="/usr/sbin:/usr/bin:/sbin")
    if not postmap:
        print("postmap is not installed: maps are left out")
        return
    kind = "hash"
    if "hash" not in must(postmap.replace("postmap", "postconf"), "-m"):
        kind = "lmdb"
    path = os.path.join(lab.folder, "virtual")
    shutil.copy(os.path.join(PANELS, "virtualmin.map"), path)
    must(postmap, f"{kind}:{path}")
    script, table = lab.preset("list-from-postmap"), f"{kind}:{path}"
    lab.check("Virtualmin", [script, "-a", table], read_want("virtualmin"))
    lab.check("maps as Postfix takes them", [script, table],
              {"alias.test": {"@alias.test", "own@alias.test"}})
    lab.check("the same twice", [script, table, table],
              {"catch.test": {"@catch.test"}})
    for words in ([script], [script, f"{kind}:{path}x"],
                  [script, table, f"{kind}:{path}x"]):
        done = lab.write(words, "one.test")
        expect(f"{words[1:]} fails", (done.returncode != 0, done.stdout),
               (True, ""))
        lab.checks += 1


def main():
    if os.geteuid() != 0:
        print("not root: skipped")
        return 77
    with tempfile.TemporaryDirectory(prefix="bmx-panels-") as folder:
        lab = Lab(os.path.abspath(sys.argv[1]), folder)
        databases = []
        try:
            check_maps(lab)
            for kind in (MariaDb, PostgreSql):
                if not kind.here():
                    print(f"{kind.__name__} is not installed: left out")
                    continue
                databases.append(kind(folder))
                databases[-1].start()
                check_sql(lab, databases[-1])
        except Failed as failure:
            print(f"FAIL {failure}")
            return 1
        finally:
            for database in databases:
                database.stop()
    print(f"{lab.checks} checks passed")
    return 0


if __name__ == "__main__":
    sys.exit(main())
