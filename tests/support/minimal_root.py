#!/usr/bin/env python3
"""minimal_root.py DIRECTORY DEB PACKAGE...: a small Debian system.

Copies from this one what is essential, what the .deb depends on, and the
packages named, all as dpkg knows them here: no network, and nothing that the
package does not say it needs. Exit status 75 when something is not installed
here.
"""
import os
import re
import shutil
import subprocess
import sys

STATUS = "/var/lib/dpkg/status"
INFO = "/var/lib/dpkg/info"
# Not owned by a package, and needed all the same.
MERGED = ["bin", "sbin", "lib", "lib32", "lib64", "libx32"]
FILES = ["/etc/passwd", "/etc/group", "/etc/shadow", "/etc/gshadow",
         "/etc/nsswitch.conf", "/etc/pam.d/common-account",
         "/etc/pam.d/common-auth", "/etc/pam.d/common-password",
         "/etc/pam.d/common-session"]
OURS = "backupmx"


class Missing(Exception):
    pass


def stanzas(text):
    for block in re.split(r"\n\n+", text.strip()):
        fields, name = {}, None
        for line in block.split("\n"):
            if line[:1] in " \t":
                fields[name] += "\n" + line
            else:
                name, _, value = line.partition(":")
                fields[name] = value.strip()
        yield fields, block


def names(relation):
    """The alternatives of one dependency, without versions and :any."""
    return [re.split(r"[ (:]", word.strip())[0]
            for word in relation.split("|")]


def relations(fields):
    for key in ("Pre-Depends", "Depends"):
        for relation in fields.get(key, "").replace("\n", " ").split(","):
            if relation.strip():
                yield relation


class Host:
    def __init__(self):
        self.packages, self.provides = {}, {}
        with open(STATUS) as file:
            for fields, block in stanzas(file.read()):
                if fields.get("Status") != "install ok installed":
                    continue
                name = fields["Package"]
                self.packages[name] = (fields, block)
                for word in fields.get("Provides", "").split(","):
                    self.provides.setdefault(names(word)[0], []).append(name)

    def find(self, relation):
        for name in names(relation):
            if name in self.packages:
                return name
        for name in names(relation):
            if self.provides.get(name):
                return self.provides[name][0]
        raise Missing(f"nothing here is {relation.strip()}")

    def closure(self, relations_wanted):
        found, todo = set(), [self.find(r) for r in relations_wanted]
        todo += [name for name, (fields, _) in self.packages.items()
                 if fields.get("Essential") == "yes"]
        while todo:
            name = todo.pop()
            if name not in found:
                found.add(name)
                todo += [self.find(relation) for relation in
                         relations(self.packages[name][0])]
        return sorted(found - {OURS})

    def info(self, name):
        """Its files in dpkg's database."""
        arch = self.packages[name][0]["Architecture"]
        return [f for f in self.info_names
                if f.startswith((f"{name}.", f"{name}:{arch}."))]

    @property
    def info_names(self):
        if not hasattr(self, "_info"):
            self._info = os.listdir(INFO)
        return self._info


def canonical(path):
    """Where it is on a system with a merged /usr."""
    top, _, rest = path.lstrip("/").partition("/")
    return f"/usr/{top}/{rest}" if top in MERGED and rest else path


def listed(host, packages):
    paths = set()
    for name in packages:
        for file in host.info(name):
            paths.add(f"{INFO}/{file}")
            if file.endswith(".list"):
                with open(f"{INFO}/{file}") as lines:
                    paths.update(line.rstrip("\n") for line in lines)
    return paths


def alternatives():
    """/usr/bin/awk and the like: what they are called, and what they are."""
    folder = "/var/lib/dpkg/alternatives"
    for name in os.listdir(folder):
        with open(f"{folder}/{name}") as file:
            link = file.read().split("\n")[1]
        target = f"/etc/alternatives/{name}"
        if os.path.islink(target) and os.path.islink(link):
            yield canonical(os.path.realpath(target)), [link, target]


def copy(root, paths):
    known = {canonical(path) for path in paths if path != "/."}
    for target, links in alternatives():
        if target in known:
            known.update(canonical(link) for link in links)
    wanted = sorted(p for p in known if os.path.lexists(p) and
                    p.lstrip("/") not in MERGED and
                    not p.startswith(("/usr/share/locale/", "/usr/share/man/",
                                      "/usr/share/doc/")))
    data = "\0".join(path.lstrip("/") for path in wanted)
    pack = subprocess.Popen(
        ["tar", "-C", "/", "-c", "--no-recursion", "--null", "-T", "-"],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    unpack = subprocess.Popen(["tar", "-C", root, "-xp"], stdin=pack.stdout)
    pack.stdin.write(data.encode())
    pack.stdin.close()
    if pack.wait() or unpack.wait():
        sys.exit("minimal_root.py: the copy failed")


def write_accounts(root):
    for path in FILES:
        if not os.path.exists(path):
            continue
        with open(path) as source, open(root + path, "w") as target:
            target.writelines(line for line in source
                              if not line.startswith(f"{OURS}:"))
        shutil.copystat(path, root + path)


def main():
    root, deb, *more = sys.argv[1:]
    host = Host()
    control = subprocess.run(["dpkg-deb", "-f", deb], capture_output=True,
                             text=True, check=True).stdout
    fields = next(stanzas(control))[0]
    packages = host.closure(list(relations(fields)) + more)
    for top in MERGED:
        if os.path.islink(f"/{top}"):
            os.makedirs(f"{root}/usr/{top}", exist_ok=True)
            os.symlink(f"usr/{top}", f"{root}/{top}")
    copy(root, listed(host, packages))
    write_accounts(root)
    for folder in ("updates", "info", "triggers", "alternatives", "parts"):
        os.makedirs(f"{root}/var/lib/dpkg/{folder}", exist_ok=True)
    with open(f"{root}/var/lib/dpkg/status", "w") as file:
        for name in packages:
            file.write(host.packages[name][1] + "\n\n")
    for folder in ("proc", "dev", "sys", "tmp", "run", "root", "var/log"):
        os.makedirs(f"{root}/{folder}", exist_ok=True)
    with open(f"{root}/var/lib/dpkg/info/format", "w") as file:
        file.write("1\n")
    os.chmod(f"{root}/tmp", 0o1777)
    subprocess.run(["ldconfig", "-r", root], check=True)
    print(f"{len(packages)} packages")


if __name__ == "__main__":
    try:
        main()
    except Missing as missing:
        print(f"minimal_root.py: {missing}", file=sys.stderr)
        sys.exit(75)
