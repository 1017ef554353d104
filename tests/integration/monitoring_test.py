#!/usr/bin/env python3
"""monitoring_test.py POLICYD: packaging/monitoring before a real Prometheus.

A policyd and a milter do some work, and have some faults; Prometheus scrapes
them with the rules file. Every rule is evaluated without error, the faults are
seen, every query of the dashboard returns data, and no metric or label is named
that the daemons do not export. Exit status 77 without prometheus.
"""
import json
import os
import pwd
import re
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.parse
import urllib.request

HERE = os.path.dirname(os.path.abspath(__file__))
FILES = os.path.join(HERE, "../../packaging/monitoring")
USER = "nobody"
HOST, GOOD, BAD = "127.0.240.1", "127.0.240.10", "127.0.240.11"
WAIT_S = 60       # for a machine that is busy otherwise
INTERVAL = "2s"   # in place of $__rate_interval: at least two scrapes
CONFIG = """
hostname = "backup.example.test"
state_dir = "{dir}/state"
log = "stderr"
resolver = {{"127.0.240.1@{dns}"}}
policyd {{
	listen = {{"unix:{dir}/state/policyd.sock"}}
	socket_group = ""
	metrics = "inet:{host}:{policyd}"
	control = "unix:{dir}/state/control.sock"
}}
milter {{
	listen = "unix:{dir}/state/milter.sock"
	socket_group = ""
	policy = "unix:{dir}/state/policyd.sock"
	metrics = "inet:{host}:{milter}"
}}
redis {{ servers = {{"{host}:{redis}"}} }}
domain "listed.test" {{
	recipients = "file:{dir}/list"
	primary = {{"[{good}]:{smtp}"}}
	primary_up = "gate"
	check_interval = 1s
	tls = "none"
}}
domain "asked.test" {{
	primary = {{"[{good}]:{smtp}"}}
	check_interval = 1s
	tls = "none"
}}
domain "bad.test" {{
	recipients = "file:{dir}/none"
	primary = {{"[{bad}]:{smtp}"}}
	check_interval = 1s
	tls = "none"
}}
"""
PROMETHEUS = """
global: {{scrape_interval: 500ms, evaluation_interval: 1s}}
rule_files: ["{files}/backupmx.rules.yml"]
scrape_configs:
  - job_name: backupmx-policyd
    static_configs: [{{targets: ["{host}:{policyd}"]}}]
  - job_name: backupmx-milter
    static_configs: [{{targets: ["{host}:{milter}"]}}]
"""
REQUEST = ("request=smtpd_access_policy\nprotocol_state=RCPT\n"
           "sender=a@world.test\nrecipient={}\nclient_address=192.0.2.{}\n"
           "instance=m.1\nsize=0\n\n")


class Failed(Exception):
    pass


def until(what, ready, seconds=WAIT_S):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            if ready():
                return
        except (OSError, ValueError):
            pass
        time.sleep(0.1)
    raise Failed(f"{what}: not within {seconds} s")


# --- two primaries -------------------------------------------------------

def converse(sock, greeting):
    sock.sendall(greeting)
    for line in sock.makefile("rb"):
        verb = line[:4].upper()
        if verb == b"EHLO":
            reply = b"250-primary.test\r\n250 SIZE 1000000"
        elif verb == b"RCPT":
            known = b"<known" in line or b"<postmaster" in line
            reply = b"250 2.1.5 Ok" if known else b"550 5.1.1 User unknown"
        elif verb == b"QUIT":
            reply = b"221 2.0.0 Bye"
        else:
            reply = b"250 2.0.0 Ok"
        sock.sendall(reply + b"\r\n")
        if verb == b"QUIT":
            return


def serve(listener, greeting):
    def session(sock):
        with sock:
            try:
                converse(sock, greeting)
            except OSError:
                pass

    while True:
        try:
            sock, _ = listener.accept()
        except OSError:
            return
        threading.Thread(target=session, args=(sock,), daemon=True).start()


def primary(address, port, greeting):
    listener = socket.create_server((address, port))
    threading.Thread(target=serve, args=(listener, greeting),
                     daemon=True).start()


# --- work for the daemons ------------------------------------------------

def ask(directory, recipient, client):
    with socket.socket(socket.AF_UNIX) as sock:
        sock.settimeout(30)
        sock.connect(os.path.join(directory, "state/policyd.sock"))
        sock.sendall(REQUEST.format(recipient, client).encode())
        return sock.recv(4096).decode()


class Milter:
    """Postfix's side of the milter protocol, as far as RCPT."""

    def __init__(self, directory):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(30)
        self.sock.connect(os.path.join(directory, "state/milter.sock"))

    def say(self, command, data=b"", reply=True):
        self.sock.sendall(struct.pack("!I", len(data) + 1) + command + data)
        return self.hear() if reply else b""

    def hear(self):
        def read(size):
            data = b""
            while len(data) < size:
                part = self.sock.recv(size - len(data))
                if not part:
                    raise ConnectionError("the milter has hung up")
                data += part
            return data

        return read(struct.unpack("!I", read(4))[0])

    def session(self, recipients):
        # No step may go without a reply: bits 7 and 12 to 19 not offered.
        self.say(b"O", struct.pack("!III", 6, 0x1ff, 0xf7f))
        self.say(b"D", b"C{daemon_addr}\x00127.0.0.1\x00", reply=False)
        self.say(b"C", b"client.test\x004" + struct.pack("!H", 4025)
                 + b"192.0.2.9\x00")
        self.say(b"H", b"helo.test\x00")
        self.say(b"M", b"<>\x00")
        for recipient in recipients:
            self.say(b"R", b"<" + recipient + b">\x00")
        self.say(b"Q", reply=False)
        self.sock.close()


def work(directory):
    for number in range(5):
        for address in ("u@listed.test", "x@listed.test", "known@asked.test",
                        "unknown@asked.test", "u@bad.test"):
            ask(directory, address, number + 1)
    Milter(directory).session([b"u@listed.test", b"x@listed.test"])


# --- Prometheus ----------------------------------------------------------

def get(port, path, **query):
    url = f"http://{HOST}:{port}{path}"
    if query:
        url += "?" + urllib.parse.urlencode(query)
    try:
        with urllib.request.urlopen(url, timeout=10) as answer:
            return answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.read().decode()


def api(port, path, **query):
    answer = json.loads(get(port, "/api/v1/" + path, **query))
    if answer.get("status") != "success":
        raise Failed(f"{path} {query}: {answer.get('error')}")
    return answer["data"]


def exported(port):
    """The names and labels of what a daemon exports."""
    series = {}
    for line in get(port, "/metrics").splitlines():
        found = re.match(r"([a-z_:]+)(?:\{(.*)\})? ", line)
        if found and not line.startswith("#"):
            labels = re.findall(r'([a-z_]+)="', found.group(2) or "")
            series.setdefault(found.group(1), set()).update(labels)
    return series


def expand(expression):
    return (expression.replace("$__rate_interval", INTERVAL)
            .replace("$instance", ".+").replace("$domain", ".+"))


def dashboard():
    with open(os.path.join(FILES, "backupmx.json"), encoding="utf-8") as file:
        board = json.load(file)
    for panel in board["panels"]:
        for target in panel["targets"]:
            yield panel["title"], target["expr"], target["legendFormat"]
    for variable in board["templating"]["list"]:
        found = re.match(r"label_values\((\w+), (\w+)\)",
                         variable.get("definition", ""))
        if found:
            name, label = found.groups()
            yield (f"variable {variable['name']}",
                   f"count by ({label}) ({name})", "{{%s}}" % label)


def names_problems(where, expression, series):
    """Metrics and labels of an expression that nobody exports."""
    for name, labels in re.findall(r"(backupmx_[a-z_]+)(?:\{(.*?)\})?",
                                   expression):
        if name not in series:
            yield f"{where}: nobody exports {name}"
            continue
        known = series[name] | {"job", "instance"}
        for label in re.findall(r"([a-z_]+)(?:=~|!=|=)", labels):
            if label not in known:
                yield f"{where}: {name} has no label {label}"


def query_problems(port, title, expression, legend):
    result = api(port, "query", query=expand(expression))["result"]
    if not result:
        yield f"dashboard, {title}: no data: {expression}"
    for label in re.findall(r"\{\{(\w+)\}\}", legend):
        if result and not any(label in one["metric"] for one in result):
            yield f"dashboard, {title}: no label {label}: {expression}"


def rules_of(port):
    groups = api(port, "rules")["groups"]
    return [rule for group in groups for rule in group["rules"]]


def evaluated(port):
    rules = rules_of(port)
    return rules and all(rule["health"] != "unknown" for rule in rules)


def active(port, alert):
    return [one["labels"].get("domain", "") for rule in rules_of(port)
            if rule["name"] == alert for one in rule["alerts"]]


# --- the test ------------------------------------------------------------

class Lab:
    def __init__(self, directory, policyd):
        build = os.environ.get("LAB_BUILD") or os.path.join(
            os.path.dirname(policyd), "..")
        self.directory = directory
        self.programs = {"policyd": policyd, "milter": os.path.join(
            build, "milter/backupmx-milter")}
        self.ctl = os.path.join(build, "ctl/backupmxctl")
        self.ports = dict(zip(("policyd", "milter", "prometheus", "dns",
                               "redis", "smtp"), range(24001, 24007)))
        self.processes = []

    def path(self, name):
        return os.path.join(self.directory, name)

    def write(self, name, text):
        with open(self.path(name), "w", encoding="utf-8") as file:
            file.write(text)

    def start(self, name, words):
        with open(self.path(name + ".log"), "wb") as log:
            self.processes.append(subprocess.Popen(
                words, stdin=subprocess.DEVNULL, stdout=log, stderr=log))

    def configure(self):
        names = {"dir": self.directory, "host": HOST, "good": GOOD,
                 "bad": BAD, "files": os.path.abspath(FILES)} | self.ports
        self.write("backupmx.conf", CONFIG.format(**names))
        self.write("prometheus.yml", PROMETHEUS.format(**names))
        self.write("list", "u@listed.test\n")
        os.mkdir(self.path("state"))
        os.chmod(self.directory, 0o755)
        if os.geteuid() == 0:
            entry = pwd.getpwnam(USER)
            os.chown(self.path("state"), entry.pw_uid, entry.pw_gid)

    def up(self):
        self.configure()
        primary(GOOD, self.ports["smtp"], b"220 primary.test ESMTP\r\n")
        primary(BAD, self.ports["smtp"], b"554 5.7.1 go away\r\n")
        self.write("zone", "")
        self.start("dns", [sys.executable, "-B", os.path.join(
            HERE, "../support/dns_server.py"), HOST, str(self.ports["dns"]),
            self.path("zone"), self.path("questions")])
        user = ["-u", USER] if os.geteuid() == 0 else []
        for name in ("policyd", "milter"):
            self.start(name, [self.programs[name], "-f", "-c",
                              self.path("backupmx.conf")] + user)
            until(name, lambda: get(self.ports[name], "/healthz"))
        self.start("prometheus", [
            "prometheus", "--config.file=" + self.path("prometheus.yml"),
            "--storage.tsdb.path=" + self.path("tsdb"),
            f"--web.listen-address={HOST}:{self.ports['prometheus']}"])
        until("prometheus", lambda: "Ready" in get(self.ports["prometheus"],
                                                   "/-/ready"))

    def down(self):
        for process in self.processes:
            process.send_signal(signal.SIGTERM)
        for process in self.processes:
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def logs(self):
        for name in ("policyd", "milter", "prometheus"):
            try:
                with open(self.path(name + ".log"), encoding="utf-8",
                          errors="replace") as log:
                    print("".join(f"{name}: {line}"
                                  for line in log.readlines()[-15:]))
            except OSError:
                pass


def run_checks(lab):
    """backupmxctl check sees the same faults."""
    for name, want in (("lists", "bad.test: has never had its list"),
                       ("primary", "bad.test: the primary refuses us"),
                       ("service", "milter up")):
        ran = subprocess.run(
            [lab.ctl, "-c", lab.path("backupmx.conf"), "check", name],
            capture_output=True, text=True, check=False)
        if (want not in ran.stdout
                or ran.returncode != (0 if name == "service" else 2)):
            yield f"check {name}: {ran.returncode} {ran.stdout}{ran.stderr}"


def ask_queries(lab, queries, seconds=15):
    """Rates need two scrapes of something that goes on."""
    end = time.monotonic() + seconds
    while True:
        work(lab.directory)
        problems = [problem for query in queries for problem
                    in query_problems(lab.ports["prometheus"], *query)]
        if not problems or time.monotonic() > end:
            return problems
        time.sleep(0.5)


def check(lab):
    port = lab.ports["prometheus"]
    problems = []

    def faults():
        work(lab.directory)
        return (active(port, "BackupmxListMissing") == ["bad.test"]
                and "bad.test" in active(port, "BackupmxPrimaryRefuses")
                and "backupmx_gate_total" in exported(lab.ports["policyd"])
                and "bad.test" in active(port, "BackupmxCallAheadPaused")
                and active(port, "BackupmxRedisDown"))

    until("faults are alerts", faults)
    until("every rule is evaluated", lambda: evaluated(port))
    series = exported(lab.ports["policyd"])
    for name, labels in exported(lab.ports["milter"]).items():
        series.setdefault(name, set()).update(labels)
    for rule in rules_of(port):
        if rule["health"] != "ok":
            problems.append(f"{rule['name']}: {rule.get('lastError')}")
        problems += names_problems(rule["name"], rule["query"], series)
    queries = list(dashboard())
    for title, expression, _ in queries:
        problems += names_problems(title, expression, series)
    problems += ask_queries(lab, queries)
    problems += run_checks(lab)
    return problems, len(rules_of(port)) + len(queries)


def main(policyd):
    if not shutil.which("prometheus") or not shutil.which("promtool"):
        print("skipped: prometheus is not installed")
        return 77
    for words in (["check", "rules", "backupmx.rules.yml"],
                  ["test", "rules", "backupmx.test.yml"]):
        subprocess.run(["promtool"] + words, cwd=FILES, check=True,
                       stdout=subprocess.DEVNULL)
    with tempfile.TemporaryDirectory(prefix="backupmx.") as directory:
        lab = Lab(directory, policyd)
        try:
            lab.up()
            problems, count = check(lab)
        except Failed as error:
            problems, count = [str(error)], 0
        finally:
            lab.down()
        if problems:
            lab.logs()
    for problem in problems:
        print("FAILED " + problem)
    print(f"{count} rules and queries, {len(problems)} problems")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main(os.path.abspath(sys.argv[1])))
