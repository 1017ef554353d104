#!/usr/bin/env python3
"""redis_policy_bench.py BUILD [RECIPIENTS [ROUNDS [SECONDS]]]: look-ups with
Redis configured and without, in the same run.

Two policyds with the same list: one from a file, without a section redis; one
that follows it in a redis-server of its own, which keeps running beside it.
`bench.policy compare` loads them in turn and checks each answer.
"""
import os
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "integration"))
sys.path.insert(0, os.path.join(HERE, "..", "support"))
import policy_client  # noqa: E402
import redis_lab  # noqa: E402

CONFIG = """
hostname = "backup.example.test"
state_dir = "{folder}"
policyd {{
	listen = {{"unix:{folder}/policyd.sock"}}
	socket_group = ""
	metrics = ""
	control = ""
}}
{redis}
domain "example.test" {{
	recipients = "{source}"
}}
"""


def start(lab, name, source, redis, build):
    folder = os.path.join(lab.folder, name)
    os.makedirs(folder)
    conf = folder + ".conf"
    with open(conf, "w", encoding="ascii") as file:
        file.write(CONFIG.format(folder=folder, source=source, redis=redis))
    if redis:
        subprocess.run([os.path.join(build, "ctl", "backupmxctl"), "-c", conf,
                        "publish", "example.test", "--from",
                        "file:" + os.path.join(lab.folder, "list")],
                       check=True, stdout=subprocess.DEVNULL)
    with open(folder + ".log", "wb") as log:
        lab.children.append(subprocess.Popen(
            [os.path.join(build, "policyd", "backupmx-policyd"), "-f", "-u",
             "root", "-c", conf], stdout=log, stderr=log))
    socket = os.path.join(folder, "policyd.sock")

    def knows():
        try:
            return policy_client.ask(socket, "user.0@example.test") == "DUNNO"
        except OSError:
            return False

    redis_lab.until("the list", knows, 60)
    return socket


def main(build, recipients="1000000", rounds="41", seconds="0.5"):
    lab = redis_lab.Lab(tempfile.mkdtemp(prefix="bmxb-", dir="/tmp"), None)
    os.chmod(lab.folder, 0o755)
    try:
        path = os.path.join(lab.folder, "list")
        with open(path, "w", encoding="ascii") as file:
            file.writelines("user.%d@example.test\n" % i
                            for i in range(int(recipients)))
        server = redis_lab.Server(lab, "redis")
        sockets = [
            start(lab, "plain", "file:" + path, "", build),
            start(lab, "shared", "redis:",
                  'redis {\n\tservers = {"unix:%s"}\n}' % server.socket,
                  build)]
        print("first: no Redis; second: with Redis", flush=True)
        return subprocess.run(
            [os.path.join(build, "tests", "bench", "bench.policy"),
             "compare", *sockets, recipients, rounds, seconds],
            check=False).returncode
    finally:
        lab.close()


if __name__ == "__main__":
    sys.exit(main(os.path.abspath(sys.argv[1]), *sys.argv[2:5]))
