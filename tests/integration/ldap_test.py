#!/usr/bin/env python3
"""ldap_test.py POLICYD: a list from a real OpenLDAP.

5,000 users, groups and contacts on a slapd that gives 500 entries at a time,
read by `backupmxctl load` and by policyd; then everything that may go wrong:
TLS, log-in, limits, referrals, hostile values, a server that dies, stops or
crawls in the middle of an answer. Whatever happens, the list in force stays,
and one line says why. Exit status 77 when slapd is not installed.
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
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, "..", "support")]
import ldap_fake  # noqa: E402
import ldap_lab  # noqa: E402
import policy_client  # noqa: E402
from ldap_lab import BASE, HOST, OTHER_NAME, Proxy, Slapd  # noqa: E402
from sources_lab import Certificates  # noqa: E402

USER = "nobody"
PORT, CLEAR_PORT, VICTIM_PORT = 23500, 23510, 23520
SLACK = float(os.environ.get("LDAP_SLACK", "1"))  # a busy machine
CONFIG = """
hostname = "backup.example.test"
state_dir = "{dir}/state"
policyd {{
	listen = {{"unix:{dir}/policyd.sock"}}
	socket_group = ""
	metrics = ""
	control = "unix:{dir}/control.sock"
}}
domain "odd.test" {{ call_ahead = false  fetch {{ {odd} }} }}
domain "example.test" {{
	recipients = "{source}"
	refresh = 1s
	call_ahead = false
	fetch {{ {fetch} }}
}}
"""
PEOPLE = f"ldap://{HOST}:{PORT}/ou=people,{BASE}"


class Failed(Exception):
    pass


class Lab:
    def __init__(self, policyd, folder):
        self.policyd = policyd
        self.folder = folder
        self.ctl = os.path.join(os.path.dirname(policyd), "..", "ctl",
                                "backupmxctl")
        self.process = None
        self.checks = 0
        os.makedirs(self.path("state"))
        os.chmod(folder, 0o711)
        self.fetch = {"username": f'"cn=reader,{BASE}"',
                      "password_file": self.secret("password", "s3cret\n"),
                      "tls_ca_file": f'"{self.path("ca.pem")}"',
                      "timeout": "10s"}

    def path(self, name):
        return os.path.join(self.folder, name)

    def secret(self, name, text, mode=0o600):
        path = self.path(name)
        with open(path, "w", encoding="ascii") as file:
            file.write(text)
        os.chmod(path, mode)
        os.chown(path, pwd.getpwnam(USER).pw_uid, -1)
        return f'"{path}"'

    def configure(self, source="", **fetch):
        settings = {**self.fetch, **fetch}
        section = "  ".join(f"{k} = {v}" for k, v in settings.items() if v)
        with open(self.path("backupmx.conf"), "w", encoding="ascii") as file:
            file.write(CONFIG.format(dir=self.folder, source=source,
                                     fetch=section, odd=section))

    def run(self, *words, env=None):
        return subprocess.run(
            [self.ctl, "-c", self.path("backupmx.conf"), *words],
            stdin=subprocess.DEVNULL, capture_output=True, text=True,
            timeout=60, check=False, env={**os.environ, **(env or {})})

    def load(self, source, *words, domain="example.test", env=None, **fetch):
        self.configure(**fetch)
        return self.run("load", domain, "--from", source, *words, env=env)

    def names(self, domain="example.test"):
        done = self.run("list", domain)
        return {line.rpartition("@")[0].strip('"')
                for line in done.stdout.splitlines() if "@" in line}

    def check(self, name, good, why=""):
        self.checks += 1
        if not good:
            raise Failed(f"{name}: {why}")


def check_good(lab, want):
    """Each way in brings the same list."""
    ways = [("StartTLS", PEOPLE, {}),
            ("ldaps", PEOPLE.replace("ldap", "ldaps", 1).replace(
                str(PORT), str(PORT + 1)), {}),
            ("in clear, when so set", PEOPLE, {"starttls": "false"}),
            ("pages of 77", PEOPLE, {"page_size": "77"})]
    for name, source, fetch in ways:
        done = lab.load(source, "--force", **fetch)
        lab.check(name, done.returncode == 0, done.stderr)
        names = lab.names()
        lab.check(name, names == want,
                  f"{len(names)} entries, wanted {len(want)}: "
                  f"{sorted(names ^ want)[:5]}")
    # libldap forgets a client's certificate: not ours to free.
    done = lab.load(PEOPLE, "--dry-run", username="", password_file="",
                    tls_cert_file=f'"{lab.path("client.pem")}"',
                    tls_key_file=f'"{lab.path("client.key")}"',
                    env={"ASAN_OPTIONS": "detect_leaks=0"})
    lab.check("a client's certificate", done.returncode == 0, done.stderr)


def check_choice(lab):
    """Attributes, scope and filter of the URL, and what is left alone."""
    rows = [("one attribute", "?mail?sub?(uid=user0000*)", 10),
            ("two attributes", "?mail,proxyAddresses?sub?(uid=user0000*)", 20),
            ("all of a filter", "???(uid=user00007)", 2),
            ("scope base", "?mail?base", 0)]
    for name, rest, count in rows:
        done = lab.load(PEOPLE + rest, "--dry-run", "--json", "--force")
        if count == 0:
            lab.check(name, "is empty" in done.stderr,
                      done.stderr)
            continue
        lab.check(name, done.returncode == 0 and
                  json.loads(done.stdout)["entries"] == count,
                  done.stdout + done.stderr)
    done = lab.load(f"ldap://{HOST}:{PORT}/ou=ad,{BASE}", "--dry-run",
                    "--force")
    lab.check("a referral as of Active Directory", done.returncode == 0,
              done.stderr)


def check_odd(lab):
    done = lab.load(f"ldap://{HOST}:{PORT}/ou=odd,{BASE}", domain="odd.test")
    lab.check("odd values", done.returncode == 0, done.stderr)
    got = lab.names("odd.test")
    want = {name for _, name in ldap_lab.ODD if name}
    lab.check("odd values", got == want, f"{got} wanted {want}")


def bad_rows(lab):
    """Name, source, settings, what the line holds, environment."""
    open_file = lab.secret("open", "s3cret\n", 0o644)
    wrong = lab.secret("wrong", "guess\n")
    other = f"ldap://{OTHER_NAME}:{PORT}/ou=people,{BASE}"
    handshake = "TLS: no handshake; the server's certificate has to be valid"
    return [
        ("wrong authority", PEOPLE,
         {"tls_ca_file": f'"{lab.path("stranger.pem")}"'}, handshake, None),
        ("the system's authorities", PEOPLE, {"tls_ca_file": ""}, "TLS: no",
         None),
        ("an environment that trusts all", PEOPLE, {"tls_ca_file": ""},
         "TLS: no", {"LDAPTLS_REQCERT": "never"}),
        ("wrong name", other, {}, "for " + OTHER_NAME, None),
        ("wrong name over ldaps",
         other.replace("ldap", "ldaps", 1).replace(str(PORT), str(PORT + 1)),
         {}, "for " + OTHER_NAME, None),
        ("no such file of authorities", PEOPLE,
         {"tls_ca_file": '"/nonexistent"'}, "/nonexistent", None),
        ("no TLS to be had", f"ldap://{HOST}:{CLEAR_PORT}/ou=people,{BASE}",
         {}, "StartTLS", None),
        ("TLS where none is",
         f"ldaps://{HOST}:{CLEAR_PORT}/ou=people,{BASE}", {"timeout": "2s"},
         "TLS", None),
        ("wrong password", PEOPLE, {"password_file": wrong},
         "does not take fetch.username", None),
        ("a password that others may read", PEOPLE,
         {"password_file": open_file}, "open to others", None),
        ("no password", PEOPLE, {"password_file": ""},
         "fetch.password_file is not", None),
        ("nobody in particular", PEOPLE, {"username": "", "password_file": ""},
         "there is no such base", None),
        ("no such base", f"ldap://{HOST}:{PORT}/ou=nowhere,{BASE}", {},
         "there is no such base", None),
        ("paging not allowed", PEOPLE,
         {"username": f'"cn=unpaged,{BASE}"'}, "does not give all", None),
        ("a limit of all pages", PEOPLE, {"username": f'"cn=cut,{BASE}"'},
         "size limit", None),
        ("a filter that is none", PEOPLE + "?mail?sub?(mail=*", {},
         "the filter of the URL", None),
        ("a referral", f"ldap://{HOST}:{PORT}/ou=sub,{BASE}", {},
         "a part is on another server", None),
        ("an empty answer", f"ldap://{HOST}:{PORT}/ou=empty,{BASE}", {},
         "is empty", None),
        ("a shrunken one", PEOPLE + "?mail?sub?(uid=user0000*)", {},
         "max_shrink", None),
        ("larger than allowed", PEOPLE, {"max_size": "100K"},
         "fetch.max_size", None),
        ("nobody listens", f"ldap://{HOST}:23999/{BASE}", {},
         "Connection refused", None),
        ("no such scope", PEOPLE + "?mail?all", {}, "base, one or sub", None),
    ]


def check_line(lab, name, done, text):
    """Not taken, and one line says why."""
    lines = done.stderr.splitlines()
    lab.check(name, done.returncode not in (0, -6, -11), "taken")
    lab.check(name, text in done.stderr, done.stderr)
    lab.check(name, len(lines) == 1, done.stderr)


def check_bad(lab, want):
    for name, source, fetch, text, env in bad_rows(lab):
        done = lab.load(source, env=env, **fetch)
        check_line(lab, name, done, text)
    lab.check("the list stays", lab.names() == want, "it changed")


def patience(text):
    """Short where time is what runs out, or may: else a busy machine would
    make it so."""
    return "1s" if text in ("no answer in time", "") else "30s"


def check_broken(lab, folder, want):
    """A server that fails in the middle of paging."""
    victim = Slapd(folder, "victim", VICTIM_PORT, "server")

    def kill(client, _):
        victim.signal(signal.SIGKILL)
        client.shutdown(socket.SHUT_RDWR)

    rows = [("dies", VICTIM_PORT, 150000, kill, "ended early"),
            ("cuts", PORT, 150000, Proxy.cut, "ended early"),
            ("cuts within the handshake", PORT, 600, Proxy.cut, "TLS"),
            ("cuts at the start", PORT, 0, Proxy.cut, "ended early"),
            ("hangs", PORT, 150000, Proxy.hang, "no answer in time"),
            ("hangs within the handshake", PORT, 600, Proxy.hang,
             "no answer in time"),
            ("hangs at the start", PORT, 0, Proxy.hang, "no answer in time"),
            ("crawls", PORT, 150000, Proxy.drip, "no answer in time"),
            ("crawls within the handshake", PORT, 100, Proxy.drip,
             "no answer in time")]
    victim.start()
    try:
        for name, port, octets, then, text in rows:
            proxy = Proxy(port, octets, then)
            begun = time.monotonic()
            done = lab.load(PEOPLE.replace(str(PORT), str(proxy.port)),
                            timeout=patience(text))
            took = time.monotonic() - begun
            check_line(lab, name, done, text)
            lab.check(name, took < 8 * SLACK, f"took {took:.1f} s")
    finally:
        victim.stop()
    lab.check("the list stays", lab.names() == want, "it changed")


def check_fake(lab, want):
    """What no OpenLDAP says. libldap forgets the buffer of a message that it
    cannot read."""
    no_leaks = {"ASAN_OPTIONS": "detect_leaks=0"}
    for name, answer, text in ldap_fake.BAD:
        fake = ldap_fake.Fake(answer)
        done = lab.load(f"ldap://{HOST}:{fake.port}/{BASE}", "--force",
                        env=no_leaks, starttls="false", timeout=patience(text))
        check_line(lab, name, done, text)
    lab.check("the list stays", lab.names() == want, "it changed")
    for name, answer in ldap_fake.GOOD:
        fake = ldap_fake.Fake(answer)
        done = lab.load(f"ldap://{HOST}:{fake.port}/{BASE}", "--dry-run",
                        "--force", "--json", starttls="false")
        lab.check(name, done.returncode == 0 and
                  json.loads(done.stdout)["entries"] == 1,
                  done.stdout + done.stderr)


def check_stopped(lab, slapd):
    slapd.signal(signal.SIGSTOP)
    try:
        for source in (PEOPLE, PEOPLE.replace("ldap", "ldaps", 1).replace(
                str(PORT), str(PORT + 1))):
            begun = time.monotonic()
            done = lab.load(source, timeout="1s")
            took = time.monotonic() - begun
            check_line(lab, "a stopped server", done, "no answer in time")
            lab.check("a stopped server", took < 8 * SLACK, f"{took:.1f} s")
    finally:
        slapd.signal(signal.SIGCONT)


def until(name, seconds, check):
    end = time.monotonic() + seconds * SLACK
    while time.monotonic() < end:
        if check():
            return
        time.sleep(0.1)
    raise Failed(f"{name}: not within {seconds * SLACK} s")


def check_policyd(lab, slapd):
    """policyd fetches by itself, and goes on when the server is gone."""
    state, log = lab.path("state"), lab.path("policyd.log")
    shutil.rmtree(state)
    os.makedirs(state)
    os.chown(state, pwd.getpwnam(USER).pw_uid, -1)
    os.chmod(lab.folder, 0o777)
    lab.configure(source=PEOPLE, timeout="1s")
    with open(log, "wb") as out:
        lab.process = subprocess.Popen(
            [lab.policyd, "-f", "-u", USER, "-c", lab.path("backupmx.conf")],
            stdin=subprocess.DEVNULL, stdout=out, stderr=out)

    def says(local, wanted):
        try:
            return policy_client.ask(lab.path("policyd.sock"),
                                     f"{local}@example.test") \
                .startswith(wanted)
        except OSError:
            return False

    until("policyd has the list", 15,
          lambda: says("alias04799", "DUNNO") and says("nobody", "550"))
    slapd.stop()
    until("policyd says that the server is gone", 10,
          lambda: "Connection refused" in open(log, encoding="utf-8").read())
    lab.check("the list stays", says("list149", "DUNNO"), "gone")
    lab.check("the list stays", says("nobody", "550 5.1.1"), "not whole")


def run(lab, folder):
    certificates = Certificates(folder)
    certificates.signed("server", f"IP:{HOST},DNS:localhost")
    certificates.signed("client", "DNS:client")
    certificates.own("stranger", "/CN=Stranger")
    os.chown(lab.path("client.key"), pwd.getpwnam(USER).pw_uid, -1)
    text, want = ldap_lab.data()
    slapd = Slapd(folder, "slapd", PORT, "server")
    clear = Slapd(folder, "clear", CLEAR_PORT)
    slapd.load(text)
    try:
        slapd.start()
        clear.start()
        check_good(lab, want)
        check_choice(lab)
        check_odd(lab)
        check_bad(lab, want)
        check_broken(lab, folder, want)
        check_fake(lab, want)
        check_stopped(lab, slapd)
        check_policyd(lab, slapd)
    finally:
        if lab.process:
            lab.process.terminate()
            lab.process.wait(20)
        slapd.stop()
        clear.stop()


def main():
    if not ldap_lab.SLAPD or not ldap_lab.SLAPADD:
        print("slapd is not installed: skipped")
        return 77
    if os.geteuid() != 0:
        print("not root: skipped")
        return 77
    with tempfile.TemporaryDirectory(prefix="bmx-ldap-") as folder:
        lab = Lab(os.path.abspath(sys.argv[1]), folder)
        try:
            run(lab, folder)
        except Failed as failure:
            print(f"FAIL {failure}")
            return 1
    print(f"{lab.checks} checks passed")
    return 0


if __name__ == "__main__":
    sys.exit(main())
