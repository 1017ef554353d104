"""A real OpenLDAP for ldap_test.py: its data, its certificates, and a proxy
that fails it in the middle of an answer."""
import base64
import os
import shutil
import signal
import socket
import subprocess
import threading
import time

HOST, OTHER_NAME = "127.0.235.1", "127.0.235.2"
BASE = "dc=example,dc=test"
USERS = 4800
SLAPD = shutil.which("slapd", path="/usr/sbin:/sbin:/usr/bin")
SLAPADD = shutil.which("slapadd", path="/usr/sbin:/sbin:/usr/bin")

CONFIG = """
include /etc/ldap/schema/core.schema
include /etc/ldap/schema/cosine.schema
include /etc/ldap/schema/inetorgperson.schema
include /etc/ldap/schema/misc.schema
attributetype ( 1.2.840.113556.1.2.210 NAME 'proxyAddresses'
	SYNTAX 1.3.6.1.4.1.1466.115.121.1.40 )
attributetype ( 1.3.6.1.4.1.7914.1.2.1.7 NAME 'mailAlternateAddress'
	EQUALITY caseIgnoreIA5Match SYNTAX 1.3.6.1.4.1.1466.115.121.1.26 )
objectclass ( 1.2.840.113556.1.5.9999 NAME 'labRecipient' SUP top AUXILIARY
	MAY ( mail $ proxyAddresses $ mailAlternateAddress ) )
modulepath /usr/lib/ldap
moduleload back_mdb
pidfile {dir}/slapd.pid
argsfile {dir}/slapd.args
{tls}
sizelimit 500
database mdb
suffix "{base}"
directory {dir}/db
maxsize 67108864
dbnosync
limits dn.exact="cn=reader,{base}" size=500 size.pr=500 size.prtotal=unlimited
limits dn.exact="cn=cut,{base}" size=500 size.pr=500 size.prtotal=1000
limits dn.exact="cn=unpaged,{base}" size=500 size.prtotal=disabled
access to attrs=userPassword by anonymous auth by * none
access to dn.subtree="ou=people,{base}" by users read by * none
access to * by * read
"""
TLS = """
TLSCACertificateFile {dir}/ca.pem
TLSCertificateFile {dir}/{name}.pem
TLSCertificateKeyFile {dir}/{name}.key
TLSVerifyClient try
authz-regexp "cn=client" "cn=reader,{base}"
"""

# Values as people write them, and whether they are on the list of odd.test.
ODD = [
    (b"plain@odd.test", "plain"),
    (b"SMTP:Capital@Odd.Test", "capital"),
    (b" smtp: blanks@odd.test ", "blanks"),
    (b"#hash@odd.test", "#hash"),
    (b'"two words"@odd.test', "two words"),
    ("j\u00f6rg@odd.test".encode(), "j\u00f6rg"),
    (b"state@odd.test disabled", None),
    (b"comment@odd.test # x", None),
    (b"line@odd.test\nfeed@odd.test", None),
    (b"line2@odd.test\n@odd.test", None),
    (b"nul@odd.test\0@odd.test", None),
    (b"tab\t@odd.test", None),
    (b"\xff\xfe@odd.test", None),
    (b"X500:/o=odd/cn=x500@odd.test", None),
    (b"SIP:sip@odd.test", None),
    (b"per%cent@odd.test", None),
    (b"star*@odd.test", "star*"),
    (b"*@odd.test", None),
    (b"no address", None),
    (b"", None),
    (b"x" * 65 + b"@odd.test", None),
    (b"elsewhere@other.test", None),
]


def entry(dn, *lines):
    return "\n".join(("dn: " + dn,) + lines) + "\n\n"


def person(name, unit, *lines):
    return entry(f"uid={name},ou={unit},{BASE}", "objectClass: inetOrgPerson",
                 "objectClass: labRecipient", f"uid: {name}", "cn: x", "sn: x",
                 *lines)


def people():
    """The text, and the local parts that a list must have."""
    text, want = [], set()
    for i in range(USERS):
        text.append(person(
            f"user{i:05d}", "people", f"mail: user{i:05d}@example.test",
            f"proxyAddresses: SMTP:User{i:05d}@example.test",
            f"proxyAddresses: smtp:alias{i:05d}@example.test",
            f"proxyAddresses: X500:/o=lab/cn=user{i:05d}"))
        want |= {f"user{i:05d}", f"alias{i:05d}"}
    for i in range(150):
        text.append(entry(
            f"cn=group{i},ou=people,{BASE}", "objectClass: groupOfNames",
            "objectClass: labRecipient", f"cn: group{i}",
            f"member: uid=user00000,ou=people,{BASE}",
            f"mail: group{i}@example.test",
            f"mailAlternateAddress: list{i}@example.test"))
        want |= {f"group{i}", f"list{i}"}
    for i in range(50):
        text.append(entry(
            f"cn=contact{i},ou=people,{BASE}",
            "objectClass: organizationalRole", "objectClass: labRecipient",
            "objectClass: inetLocalMailRecipient", f"cn: contact{i}",
            f"mail: contact{i}@partner.test",
            f"mailLocalAddress: contact{i}@example.test"))
        want.add(f"contact{i}")
    return "".join(text), want


def data():
    text, want = people()
    top = entry(BASE, "objectClass: dcObject", "objectClass: organization",
                "o: lab", "dc: example")
    for unit in ("people", "odd", "empty", "sub", "ad"):
        top += entry(f"ou={unit},{BASE}", "objectClass: organizationalUnit",
                     f"ou: {unit}")
    for name in ("reader", "cut", "unpaged"):
        top += entry(f"cn={name},{BASE}", "objectClass: organizationalRole",
                     "objectClass: simpleSecurityObject", f"cn: {name}",
                     "userPassword: s3cret")
    values = [f"proxyAddresses:: {base64.b64encode(v).decode()}"
              for v, _ in ODD if v]
    top += person("odd", "odd", *values)
    for unit, where in (("sub", "ldap://sub.example.test/dc=sub," + BASE),
                        ("ad", "ldap://example.test/CN=Configuration," + BASE)):
        top += person("one", unit, "mail: one@example.test")
        top += entry(f"cn=elsewhere,ou={unit},{BASE}", "objectClass: referral",
                     "objectClass: extensibleObject", "cn: elsewhere",
                     f"ref: {where}")
    return top + text, want


class Slapd:
    """One server over a database that several may have open."""

    def __init__(self, folder, name, port, tls_name=None):
        self.folder = folder
        self.config = os.path.join(folder, name + ".conf")
        self.log = os.path.join(folder, name + ".log")
        self.port = port
        self.tls = bool(tls_name)
        self.process = None
        tls = TLS.format(dir=folder, name=tls_name, base=BASE) \
            if tls_name else ""
        with open(self.config, "w", encoding="ascii") as file:
            file.write(CONFIG.format(dir=folder, base=BASE, tls=tls))

    def load(self, text):
        os.makedirs(os.path.join(self.folder, "db"), exist_ok=True)
        subprocess.run([SLAPADD, "-q", "-f", self.config], check=True,
                       input=text.encode(), capture_output=True)

    def start(self):
        urls = [f"ldap://{host}:{self.port}/" for host in (HOST, OTHER_NAME)]
        if self.tls:
            urls += [f"ldaps://{host}:{self.port + 1}/"
                     for host in (HOST, OTHER_NAME)]
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen(
                [SLAPD, "-d", "0", "-f", self.config, "-h", " ".join(urls)],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        end = time.monotonic() + 20
        while time.monotonic() < end:
            try:
                socket.create_connection((HOST, self.port), 1).close()
                return
            except OSError:
                time.sleep(0.05)
        raise OSError("slapd does not start: " +
                      open(self.log, encoding="utf-8").read())

    def signal(self, number):
        self.process.send_signal(number)

    def stop(self):
        if self.process:
            self.process.send_signal(signal.SIGCONT)
            self.process.terminate()
            try:
                self.process.wait(5)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
            self.process = None


class Proxy:
    """Passes on `octets` of what the server says, then calls `then`."""

    def __init__(self, port, octets, then):
        self.target = (HOST, port)
        self.octets = octets
        self.then = then
        self.listener = socket.create_server((HOST, 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.run, daemon=True).start()

    def run(self):
        client, _ = self.listener.accept()
        server = socket.create_connection(self.target)
        threading.Thread(target=self.pump, args=(client, server),
                         daemon=True).start()
        passed = 0
        while passed < self.octets:
            part = server.recv(min(4096, self.octets - passed))
            if not part:
                break
            client.sendall(part)
            passed += len(part)
        self.then(client, server)

    @staticmethod
    def pump(client, server):
        try:
            while part := client.recv(4096):
                server.sendall(part)
        except OSError:
            pass

    @staticmethod
    def cut(client, server):
        for sock in (client, server):
            sock.shutdown(socket.SHUT_RDWR)

    @staticmethod
    def hang(*_):
        pass

    @staticmethod
    def drip(client, server):
        """An octet now and then: never idle, never done."""
        try:
            while part := server.recv(1):
                client.sendall(part)
                time.sleep(0.2)
        except OSError:
            pass
