#!/usr/bin/env python3
"""sources_test.py POLICYD: every kind of list source, good and bad.

A domain for each thing that may go wrong, with a source of its own: all are
good first, then all go bad at once, and then all are good again. Meanwhile a
real policyd fetches them every other second. Whatever a source does, the list in
force never gets worse, and the log has one clear line about it. HTTPS servers
are python's with certificates of an authority of our own, sftp is OpenSSH's
sshd (without openssh-server, or not as root, it is left out). With
SOURCES_LINES=10000000 a list of so many lines is fetched and measured, too.
"""
import json
import os
import pwd
import re
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, "..", "support")]
import policy_client  # noqa: E402
import sources_lab  # noqa: E402
from sources_lab import ENTRIES, HOST, good_list  # noqa: E402

USER = "nobody"
SLACK = float(os.environ.get("SOURCES_SLACK", "1"))  # a busy machine
CONFIG = """
hostname = "backup.example.test"
state_dir = "{dir}/state"
policyd {{
	listen = {{"unix:{dir}/policyd.sock"}}
	socket_group = ""
	metrics = ""
	control = "unix:{dir}/control.sock"
}}
"""
DOMAIN = """domain "{domain}" {{
	recipients = "{source}"
	refresh = 2s
	call_ahead = false
	fetch {{
		timeout = {timeout}
		max_size = 64K
{fetch}
	}}
}}
"""


# One who writes over a list again and again.
CHANGER = """
import os, sys, time
second = 0
while True:
    second += 1
    os.utime(sys.argv[1], (second, second))
    time.sleep(0.001)
"""


class Failed(Exception):
    pass


def expect(name, good):
    if not good:
        raise Failed(name)


def until(name, seconds, check):
    end = time.monotonic() + seconds * SLACK
    while time.monotonic() < end:
        if check():
            return
        time.sleep(0.1)
    raise Failed(f"{name}: not within {seconds * SLACK} s")


class Case:
    """A domain, its source, and what is said when that goes bad.

    why: what the log line holds, of which the first word is its why=; None
    when nothing is wrong with it. fetch, bad_fetch: settings of the section.
    """

    def __init__(self, name, source, why, fetch=(), bad_fetch=None):
        self.name = name
        self.domain = name.replace("_", "-") + ".test"
        self.source = source
        self.why = why
        self.fetch = list(fetch)
        self.bad_fetch = self.fetch if bad_fetch is None else list(bad_fetch)

    def section(self, bad):
        lines = self.bad_fetch if bad else self.fetch
        hangs = bad and self.why and self.why.startswith("timeout")
        return DOMAIN.format(
            timeout="1s" if hangs else "30s", domain=self.domain, source=self.source.replace('"', '\\"'),
            fetch="\n".join(f'\t\t{line}' for line in lines))


def is_never(case):
    """Is it bad from its beginning?"""
    return getattr(case, "never", False)


class Lab:
    def __init__(self, policyd, folder):
        self.policyd = policyd
        self.folder = folder
        self.ctl_path = os.path.join(os.path.dirname(policyd), "..", "ctl",
                                     "backupmxctl")
        self.conf = self.path("backupmx.conf")
        self.process = None
        self.servers = []
        self.ssh = None
        self.cases = []
        self.files = {}  # of sftp: what they hold while they are bad
        self.changer = None
        os.makedirs(self.path("state"))
        self.own(self.path("state"))

    def path(self, name):
        return os.path.join(self.folder, name)

    def own(self, path):
        if os.geteuid() == 0:
            entry = pwd.getpwnam(USER)
            os.chown(path, entry.pw_uid, entry.pw_gid)

    def secret(self, name, text, mode=0o600):
        path = self.path(name)
        with open(path, "w", encoding="ascii") as file:
            file.write(text)
        os.chmod(path, mode)
        self.own(path)
        return path

    def write(self, name, text):
        """At once, as an administrator should: it may be being read."""
        with open(self.path(name + ".new"), "wb") as file:
            file.write(text)
        os.rename(file.name, self.path(name))

    def configure(self, bad=False):
        with open(self.conf, "w", encoding="ascii") as file:
            file.write(CONFIG.format(dir=self.folder))
            for case in self.cases:
                if bad or not is_never(case):
                    file.write(case.section(bad))

    def start(self):
        words = [self.policyd, "-f", "-c", self.conf]
        if os.geteuid() == 0:
            words += ["-u", USER]
        with open(self.path("log"), "wb") as log:
            self.process = subprocess.Popen(words, stdin=subprocess.DEVNULL,
                                            stdout=log, stderr=log)

    def ctl(self, *words, conf=None, **options):
        return subprocess.run([self.ctl_path, "-c", conf or self.conf, *words],
                              check=False, stdin=subprocess.DEVNULL,
                              capture_output=True, text=True, timeout=600,
                              **options)

    def status(self):
        """By domain."""
        out = self.ctl("status", "--json").stdout or "{}"
        return {d["name"]: d for d in json.loads(out).get("domains", [])}

    def lines(self, event, domain):
        with open(self.path("log"), encoding="utf-8") as log:
            return [line.strip() for line in log
                    if f"ev={event} domain={domain} " in line]

    def count(self, text):
        with open(self.path("log"), encoding="utf-8") as log:
            return sum(text in line for line in log)

    def ask(self, address):
        try:
            return policy_client.ask(self.path("policyd.sock"), address) or ""
        except OSError:
            return ""

    def calm(self):
        """Ends what changes a list again and again."""
        if self.changer:
            self.changer.kill()
            self.changer.wait()
            self.changer = None

    def stop(self):
        self.calm()
        if self.process:
            self.process.terminate()
            self.process.wait(20)
        for server in self.servers:
            server.stop()
        if self.ssh:
            self.ssh.stop()


def https_cases(lab, certificates):
    """All of one server; then those whose certificate goes bad."""
    certificates.signed("good", "IP:" + HOST)
    certificates.signed("client", "DNS:client.test")
    certificates.signed("elsewhere", "DNS:elsewhere.test,IP:127.0.230.9")
    certificates.signed("expired", "IP:" + HOST, "20240101000000Z",
                        "20250101000000Z")
    certificates.own("alone", "/CN=" + HOST, "-addext",
                     "subjectAltName=IP:" + HOST)
    trust = f'tls_ca_file = "{certificates.ca}"'
    good = certificates.context("good")
    lab.web = sources_lab.Server(good)
    lab.servers.append(lab.web)
    password = lab.secret("password", "s3cret\n")
    token = lab.secret("token", "t0ken\n")
    shown = lab.secret("shown", "s3cret\n", 0o644)
    key = lab.path("client.key")
    shutil.copy(certificates.path("client.key"), key)
    os.chmod(key, 0o600)
    lab.own(key)

    def case(name, why, *fetch, bad=None):
        if bad and not any("tls_ca_file" in line for line in bad):
            bad = [trust, *bad]
        lab.cases.append(Case(name, lab.web.url(name), why, [trust, *fetch],
                              bad))

    case("empty", "refused is empty")
    case("shrunken", "refused max_shrink")
    case("no_line_feed", "syntax no line feed")
    case("cut", "closed bytes remaining")
    case("chunk_cut", "closed")
    case("last_chunk", "closed")
    case("no_length", "closed where the list ends")
    case("identity", "closed where the list ends")
    case("moved_user", "permission sent on")
    case("no_type", None)
    case("html", "syntax is 'text/html'; expected text/plain")
    case("json", "syntax application/json")
    case("gzip", "syntax gzip")
    case("claimed", "too-big 65536 octets")
    case("endless", "too-big 65536 octets")
    case("not_a_list", "syntax not_a_list:11: expected")
    case("other_domain", "refused no address of other-domain.test")
    case("hang", "timeout no answer in time")
    case("slow", "timeout did not come whole in time")
    case("denied", "permission 403")
    case("gone", "not-found 404")
    case("broken", "io 500")
    case("not_modified", "io 304")
    case("moved_away", "permission sent on to another server")
    case("moved_to_clear", "permission sent on to another server")
    case("round", "io more than 5 times")
    case("chunked", None)
    case("moved", None)
    case("password", "permission 403", 'username = "backup"',
         f'password_file = "{password}"')
    case("token", "permission sent on to another server",
         f'token_file = "{token}"')
    case("etag", None)
    case("modified", "io 500")
    case("shown_secret", "permission open to others", 'username = "backup"',
         f'password_file = "{password}"',
         bad=['username = "backup"', f'password_file = "{shown}"'])
    case("no_secret", "not-found No such file", 'username = "backup"',
         f'password_file = "{password}"',
         bad=['username = "backup"', 'password_file = "/nonexistent/x"'])
    case("shown_key", "permission open to others",
         bad=[f'tls_cert_file = "{certificates.path("client.pem")}"',
              f'tls_key_file = "{shown}"'])
    case("no_authority", "not-found No such file",
         bad=['tls_ca_file = "/nonexistent/ca"'])
    case("two_logins", "usage both set", 'username = "backup"',
         f'password_file = "{password}"',
         bad=['username = "backup"', f'token_file = "{token}"'])

    def tls(name, why, bad, fetch=(), good=good):
        server = sources_lab.Server(good, bad)
        lab.servers.append(server)
        lab.cases.append(Case(name, server.url(name), why, [trust, *fetch]))

    tls("elsewhere", "closed SSL", certificates.context("elsewhere"))
    tls("expired", "closed SSL certificate problem: certificate has expired",
        certificates.context("expired"))
    tls("alone", "closed self-signed", certificates.context("alone"))
    client = [f'tls_cert_file = "{certificates.path("client.pem")}"',
              f'tls_key_file = "{key}"']
    with_clients = certificates.context("good", clients=True)
    tls("client", None, with_clients, client, with_clients)
    tls("no_client", "closed", with_clients)
    # Whether the alert or the end comes first, the network decides.
    lab.cases[-1].words_vary = True
    lab.cases.append(Case("system_trust", lab.web.url("system_trust"),
                          "closed SSL certificate problem", [trust], []))
    deaf = sources_lab.Deaf()
    lab.deaf = deaf
    with_deaf = Case("deaf", f"https://{HOST}:{deaf.port}/x",
                     "timeout no connection in time", [trust])
    with_deaf.never = True
    lab.cases.append(with_deaf)


def exec_cases(lab):
    def case(name, why, bad):
        script = lab.path(name + ".sh")
        with open(script, "w", encoding="ascii") as file:
            file.write("#!/bin/sh\n"
                       f"[ -e '{lab.path('bad')}' ] || {{\n"
                       f"\tcat '{lab.path(name)}'; exit\n}}\n{bad}\n")
        os.chmod(script, 0o755)
        lab.write(name, good_list(name.replace("_", "-") + ".test"))
        lab.cases.append(Case(name, f"exec:{script} -x 'a b'", why))

    case("exec_empty", "refused is empty", "exit 0")
    case("exec_shrunken", "refused max_shrink", f"head -n 5 '{lab.path('exec_shrunken')}'")
    case("exec_cut", "syntax no line feed", f"head -c 500 '{lab.path('exec_cut')}'")
    case("exec_failed", "io ended with status 3: database is away",
         f"head -n 49 '{lab.path('exec_failed')}'; echo database is away >&2; exit 3")
    case("exec_killed", "io ended by signal 9", "kill -9 $$")
    case("exec_hang", "timeout did not end", "exec sleep 600")
    case("exec_endless", "too-big 65536", "yes a@exec-endless.test")
    case("exec_wrong", "syntax exec_wrong.sh:1: expected", "echo '<html>'")
    case("exec_domain", "refused max_shrink",
         'echo "a@$BACKUPMX_DOMAIN $1" | grep -v x; echo "a@$BACKUPMX_DOMAIN"; [ "$2" = "a b" ]')


def sftp_cases(lab):
    if os.geteuid() != 0 or not shutil.which(
            "sshd", path="/usr/sbin:/sbin:/usr/bin"):
        print("sftp is left out: it needs root and openssh-server")
        return
    os.makedirs(lab.path("ssh"))
    lab.ssh = ssh = sources_lab.Ssh(lab.path("ssh"))
    ssh.start()
    for name in ("user", "stranger"):
        lab.own(ssh.path(name))
    key = f'ssh_key_file = "{ssh.path("user")}"'
    known = f'ssh_known_hosts_file = "{ssh.path("known")}"'
    shown = lab.path("shown_key")
    shutil.copy(ssh.path("user"), shown)
    os.chmod(shown, 0o644)
    lab.own(shown)
    password = lab.secret("ssh-password", "secret\n")

    def case(name, why, bad=None, bad_fetch=None):
        lab.write(name, good_list(name.replace("_", "-") + ".test"))
        lab.cases.append(Case(name, ssh.url(lab.path(name)), why,
                              [key, known], bad_fetch))
        lab.files[name] = bad

    case("sftp_empty", "refused is empty", b"")
    case("sftp_shrunken", "refused max_shrink",
         good_list("sftp-shrunken.test", 5))
    case("sftp_cut", "syntax no line feed", good_list("sftp-cut.test")[:500])
    case("sftp_gone", "not-found", None)
    case("sftp_big", "too-big 65536", good_list("sftp-big.test", 5000))
    case("sftp_changed", "closed changed while it was read", "same")
    # A busy machine leaves the file alone for a while, and it is taken.
    lab.cases[-1].words_vary = True
    case("sftp_wrong", "syntax sftp_wrong:1: expected", b"<html>\n")
    mistaken = f'ssh_known_hosts_file = "{ssh.path("mistaken")}"'
    stranger = f'ssh_key_file = "{ssh.path("stranger")}"'
    same = "same"
    case("sftp_mistaken", "closed not the one in", same, [key, mistaken])
    case("sftp_unknown", "usage ssh_known_hosts_file", same, [key])
    case("sftp_no_hosts", "not-found No such file", same,
         [key, 'ssh_known_hosts_file = "/nonexistent/hosts"'])
    case("sftp_stranger", "permission log-in refused", same, [stranger, known])
    case("sftp_password", "permission", same,
         [known, f'password_file = "{password}"'])
    case("sftp_shown", "permission open to others", same,
         [f'ssh_key_file = "{shown}"', known])
    ssh.know("known", "host.pub", lab.deaf.port)
    deaf = Case("sftp_deaf", f"sftp://root@{HOST}:{lab.deaf.port}/x",
                "timeout no connection in time", [key, known])
    deaf.never = True
    lab.cases.append(deaf)


def reload(lab, bad):
    before = lab.count("ev=reloaded")
    lab.configure(bad)
    lab.process.send_signal(signal.SIGUSR1)
    until("the configuration is read again", 20,
          lambda: lab.count("ev=reloaded") > before)


def go_bad(lab):
    """What hangs is told so first: else a fetch would wait for long."""
    reload(lab, True)
    for server in lab.servers:
        server.bad = True
    for name, text in lab.files.items():
        if text is None:
            os.unlink(lab.path(name))
        elif text != "same":
            lab.write(name, text)
    lab.write("bad", b"")
    if "sftp_changed" in lab.files:
        lab.changer = subprocess.Popen(
            [sys.executable, "-c", CHANGER, lab.path("sftp_changed")])


def go_good(lab):
    lab.calm()
    for server in lab.servers:
        server.bad = False
    for name in lab.files:
        lab.write(name, good_list(name.replace("_", "-") + ".test"))
    os.unlink(lab.path("bad"))
    reload(lab, False)


def all_good(lab):
    status = lab.status()
    return status and all(
        status[case.domain]["sync"]["state"] != "failed"
        and status[case.domain]["sync"]["last_error"] == ""
        and (status[case.domain]["list"] or {}).get("entries", 0) >= ENTRIES
        for case in lab.cases if not is_never(case))


def show_not_good(lab):
    for case in lab.cases:
        got = lab.status().get(case.domain)
        if got and got["sync"]["last_error"]:
            print(f"  {case.name}: {got['sync']['last_error']}")


def all_bad(lab, least):
    status = lab.status()
    return status and all(
        status[case.domain]["sync"]["failures"] >= least
        for case in lab.cases if case.why)


def check_in_force(lab, case):
    """The list is what it was, whatever was said about it."""
    answer = lab.ask("user00049@" + case.domain)
    expect(f"{case.name}: on the list: {answer}", answer == "DUNNO")
    answer = lab.ask("nobody@" + case.domain)
    expect(f"{case.name}: not on the list: {answer}",
           answer.startswith("550 5.1.1"))


def check_said(lab, case, status):
    lines = lab.lines("sync-failed", case.domain)
    if not case.why:
        expect(f"{case.name}: nothing is wrong, but: {lines}", not lines)
        return
    code, _, text = case.why.partition(" ")
    # What is late may be late elsewhere when the machine is busy.
    vary = getattr(case, "words_vary", code == "timeout")
    expect(f"{case.name}: one line, got {lines}",
           len(lines) == 1 or (lines and vary))
    print("  " + re.sub(r"^.*ev=sync-failed ", "", lines[0])[:230])
    expect(f"{case.name}: {case.why!r}, got {lines}",
           any(f" why={code} " in line and text in line for line in lines))
    expect(f"{case.name}: no secret in {lines[0]!r}",
           "s3cret" not in lines[0] and "t0ken" not in lines[0])
    expect(f"{case.name}: status says so",
           vary or text in status["sync"]["last_error"].replace('"', "'"))


def check_lookup(lab, case):
    out = lab.ctl("lookup", "user00001@" + case.domain)
    expect(f"{case.name}: lookup: {out.stdout}{out.stderr}",
           out.returncode == 0 and "valid" in out.stdout.lower())


def check_conditional(lab):
    etags = [etag for etag, _ in lab.web.requests["shrunken"]]
    expect(f"a refused list is not asked after: {set(etags)}",
           set(etags) == {None, '"whole"'})
    etags = [etag for etag, _ in lab.web.requests["etag"]]
    expect(f"asked whether it changed: {etags}",
           etags[0] is None and '"one"' in etags and '"two"' in etags)
    generation = lab.status()["etag.test"]["list"]["generation"]
    expect(f"an unchanged list is not written: {generation}", generation == 2)


def synced_at(lab, *names):
    status = lab.status()
    return [status[name + ".test"]["list"]["synced_at"] for name in names]


def check_fresh(lab, *names):
    """Unchanged is as good as synced."""
    before = synced_at(lab, *names)
    until(f"{names}: synced_at moves", 60,
          lambda: all(a != b for a, b in zip(before,
                                             synced_at(lab, *names))))


def test_phases(lab):
    began = time.monotonic()
    until("all lists come", 90, lambda: all_good(lab))
    check_fresh(lab, "etag", "modified")
    print(f"all {len(lab.cases)} good: {time.monotonic() - began:.1f} s")
    go_bad(lab)
    until("all sources are seen to be bad, again and again", 120,
          lambda: all_bad(lab, 2))
    status = lab.status()
    for case in lab.cases:
        if not is_never(case):
            check_in_force(lab, case)
        check_said(lab, case, status[case.domain])
    check_lookup(lab, lab.cases[0])
    check_conditional(lab)
    print(f"all bad: {time.monotonic() - began:.1f} s")
    go_good(lab)
    until("all lists come again", 90, lambda: all_good(lab))
    for case in lab.cases:
        if not is_never(case):
            check_in_force(lab, case)
    print(f"all good again: {time.monotonic() - began:.1f} s")


def test_load(lab):
    """By hand, of each kind; as root programs run as the list's owner."""
    for name in ("chunked", "exec_empty", "sftp_empty"):
        case = next((c for c in lab.cases if c.name == name), None)
        if not case:
            continue
        out = lab.ctl("load", case.domain, "--from", case.source)
        expect(f"load {case.source}: {out.stdout}{out.stderr}",
               out.returncode == 0 and f"{ENTRIES} entries" in out.stdout)
        out = lab.ctl("load", case.domain, "--dry-run", "--from", case.source)
        expect(f"dry run: {out.stdout}{out.stderr}",
               out.returncode == 0 and "nothing written" in out.stdout)
    for source, status, text in (
            ("http://127.0.0.1/x", 64, "without TLS"),
            ("https://u:p@127.0.0.1/x", 64, "no password in the URL"),
            ("exec:/bin/cat /x | sort", 64, "no shell is asked"),
            ("exec:/nonexistent/x", 66, "/nonexistent/x"),
            ("exec:/bin/false", 74, "ended with status 1"),
            ("exec:/bin/true", 3, "is empty"),
            ("exec:/usr/bin/id -u", 65, "1: expected"),
            ("https://127.0.230.1:9/x", 69, "no connection: Connection refused")):
        out = lab.ctl("load", "chunked.test", "--from", source)
        said = out.stderr.strip()
        print(f"  {out.returncode} {said}")
        expect(f"load {source}: {out.returncode} {said}",
               out.returncode not in (0, 139) and text in said
               and "\n" not in said
               and (status is None or out.returncode == status))
    if os.geteuid() == 0:
        test_root(lab)


def test_root(lab):
    state, conf = lab.path("roots"), lab.path("roots.conf")
    os.makedirs(state)
    with open(lab.conf, encoding="ascii") as file:
        text = file.read().replace(lab.path("state"), state)
    with open(conf, "w", encoding="ascii") as file:
        file.write(text)
    out = lab.ctl("load", "chunked.test", "--from", "exec:/usr/bin/id",
                  conf=conf)
    expect(f"not as root: {out.stderr}", out.returncode == 77
           and "not run as root" in out.stderr)


def test_check(lab):
    conf = lab.path("bad.conf")
    with open(conf, "w", encoding="ascii") as file:
        file.write('domain "a.test" { recipients = "exec:/l | sort" }\n')
    out = lab.ctl("config", "check", conf=conf)
    expect(f"config check: {out.stdout}{out.stderr}",
           out.returncode == 78 and "no shell" in out.stderr)
    out = subprocess.run([lab.policyd, "-t", "-c", conf], check=False,
                         capture_output=True, text=True)
    expect(f"policyd -t: {out.stdout}{out.stderr}",
           out.returncode == 78 and "no shell" in out.stderr)


def test_many(lab, count):
    """How long, and how much memory, so many lines take."""
    path = lab.path("many")
    with open(path, "wb") as file:
        for i in range(count):
            file.write(b"some.name%08d@many.test\n" % i)
    conf = lab.path("many.conf")
    for words, what in (((), "first"), ((), "unchanged")):
        with open(conf, "w", encoding="ascii") as file:
            file.write(CONFIG.format(dir=lab.folder))
            file.write('domain "many.test" { fetch { timeout = 9m } }\n')
        began = time.monotonic()
        out = lab.ctl("load", "many.test", "--from", f"exec:/bin/cat {path}",
                      *words, conf=conf)
        peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
        expect(f"many: {out.stderr}", out.returncode == 0)
        print(f"{count} lines, {os.path.getsize(path) >> 20} MiB, {what}: "
              f"{time.monotonic() - began:.1f} s, at most {peak >> 10} MiB")


def main(policyd):
    for program in ("openssl", "ssh-keygen"):
        if not shutil.which(program):
            print(f"skipped: there is no {program}")
            return 77
    folder = tempfile.mkdtemp(prefix="bmx-sources-")
    os.chmod(folder, 0o755)
    lab = Lab(policyd, folder)
    status = 0
    try:
        os.makedirs(lab.path("tls"))
        https_cases(lab, sources_lab.Certificates(lab.path("tls")))
        exec_cases(lab)
        sftp_cases(lab)
        lab.configure()
        lab.start()
        test_phases(lab)
        test_load(lab)
        test_check(lab)
        if os.environ.get("SOURCES_LINES"):
            test_many(lab, int(os.environ["SOURCES_LINES"]))
        print("all is well")
    except Failed as failure:
        print(f"FAILED: {failure}")
        show_not_good(lab)
        status = 1
    finally:
        lab.stop()
    if status == 0 or not os.environ.get("SOURCES_KEEP"):
        shutil.rmtree(folder)
    else:
        print(f"kept: {folder}")
    return status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
