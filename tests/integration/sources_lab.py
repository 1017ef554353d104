"""Servers of recipient lists, good and bad, for sources_test.py: HTTPS with
certificates of every kind, and OpenSSH for sftp."""
import http.server
import os
import shutil
import socket
import ssl
import subprocess
import threading
import time

HOST = "127.0.230.1"
ENTRIES = 50
BIG = 2 << 30
CA_CONFIG = """
[ca]
default_ca = lab
[lab]
database = {dir}/index
new_certs_dir = {dir}
serial = {dir}/serial
default_md = sha256
policy = any
copy_extensions = copy
[any]
commonName = supplied
"""


def run(*words, **options):
    subprocess.run(words, check=True, capture_output=True, **options)


def good_list(domain, count=ENTRIES):
    return "".join(f"user{i:05d}@{domain}\n" for i in range(count)).encode()


class Certificates:
    """An authority of our own and what it signs."""

    def __init__(self, folder):
        self.folder = folder
        self.ca = self.path("ca.pem")
        with open(self.path("ca.conf"), "w", encoding="ascii") as file:
            file.write(CA_CONFIG.format(dir=folder))
        with open(self.path("index"), "w", encoding="ascii"):
            pass
        with open(self.path("serial"), "w", encoding="ascii") as file:
            file.write("1000\n")
        self.own("ca", "/CN=Lab authority", "-days", "2")

    def path(self, name):
        return os.path.join(self.folder, name)

    def own(self, name, subject, *words):
        """A key, and a certificate that it signs itself."""
        run("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
            "ec_paramgen_curve:P-256", "-nodes", "-subj", subject, "-keyout",
            self.path(name + ".key"), "-out", self.path(name + ".pem"),
            *words)

    def signed(self, name, alt, start="20250101000000Z",
               end="20450101000000Z"):
        run("openssl", "req", "-newkey", "ec", "-pkeyopt",
            "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=" + name,
            "-addext", "subjectAltName=" + alt, "-keyout",
            self.path(name + ".key"), "-out", self.path(name + ".csr"))
        run("openssl", "ca", "-batch", "-config", self.path("ca.conf"),
            "-cert", self.ca, "-keyfile", self.path("ca.key"), "-in",
            self.path(name + ".csr"), "-out", self.path(name + ".pem"),
            "-startdate", start, "-enddate", end, "-notext")

    def context(self, name, clients=False):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.path(name + ".pem"),
                                self.path(name + ".key"))
        if clients:
            context.load_verify_locations(self.ca)
            context.verify_mode = ssl.CERT_REQUIRED
        return context


class Handler(http.server.BaseHTTPRequestHandler):
    """/NAME is what bad_NAME makes of it while the server is bad."""
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        name = self.path.split("?")[0].strip("/").split("/")[0]
        self.domain = name.replace("_", "-") + ".test"
        self.server.note(name, self)
        bad = getattr(self, "bad_" + name, None) if self.server.bad else None
        good = getattr(self, "good_" + name, self.good)
        (bad or good)()

    def log_message(self, *_):
        pass

    def answer(self, body, status=200, kind="text/plain", **headers):
        self.send_response(status)
        if kind:
            self.send_header("Content-Type", kind)
        headers.setdefault("Content_Length", len(body))
        for header, value in headers.items():
            if value is not None:
                self.send_header(header.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(body)

    def good(self):
        self.answer(good_list(self.domain))

    def stop(self):
        """Ends the connection as a crash would, but for TLS."""
        self.close_connection = True

    def wait(self):
        self.server.over.wait(20)
        self.stop()

    # What may go wrong.
    def bad_empty(self):
        self.answer(b"")

    def bad_shrunken(self):
        self.answer(good_list(self.domain, 5), ETag='"small"')

    def good_shrunken(self):
        self.answer(good_list(self.domain), ETag='"whole"')

    def bad_no_line_feed(self):
        self.answer(good_list(self.domain)[:-7])

    def bad_cut(self):
        text = good_list(self.domain)
        self.answer(text[:len(text) // 2], Content_Length=len(text))
        self.stop()

    def bad_chunk_cut(self):
        self.answer(b"", Content_Length=None, Transfer_Encoding="chunked")
        self.wfile.write(b"%x\r\n" % 4096 + good_list(self.domain)[:1000])
        self.stop()

    def bad_last_chunk(self):
        """Whole chunks and lines, but not the chunk that ends it."""
        text = good_list(self.domain, 40)
        self.answer(b"", Content_Length=None, Transfer_Encoding="chunked")
        self.wfile.write(b"%x\r\n%s\r\n" % (len(text), text))
        self.stop()

    def bad_no_length(self):
        self.answer(good_list(self.domain, 45), Content_Length=None,
                    Connection="close")
        self.stop()

    def good_chunked(self):
        text = good_list(self.domain)
        self.answer(b"", Content_Length=None, Transfer_Encoding="chunked")
        self.wfile.write(b"%x\r\n%s\r\n0\r\n\r\n" % (len(text), text))

    def bad_chunked(self):
        self.good_chunked()

    def bad_identity(self):
        self.answer(good_list(self.domain, 45), Content_Length=None,
                    Transfer_Encoding="identity", Connection="close")
        self.stop()

    def bad_moved_user(self):
        port = self.server.server_address[1]
        self.answer(b"", 302, Location=f"https://u:p@{HOST}:{port}/chunked")

    def bad_no_type(self):
        self.answer(good_list(self.domain), kind=" ")

    def bad_html(self):
        self.answer(b"<html>Please log in</html>\n", kind="text/html")

    def bad_json(self):
        self.answer(b"[]\n", kind="application/json")

    def bad_gzip(self):
        self.answer(good_list(self.domain), Content_Encoding="gzip")

    def bad_claimed(self):
        self.answer(b"a@claimed.test\n", Content_Length=BIG)
        self.stop()

    def bad_endless(self):
        self.answer(b"", Content_Length=None, Transfer_Encoding="chunked")
        text = good_list(self.domain, 1000)
        try:
            while not self.server.over.is_set():
                self.wfile.write(b"%x\r\n%s\r\n" % (len(text), text))
        except OSError:
            self.stop()

    def bad_not_a_list(self):
        self.answer(good_list(self.domain, 10) + b"no address here\n")

    def bad_other_domain(self):
        self.answer(good_list("elsewhere.test"))

    def bad_hang(self):
        self.wait()

    def bad_slow(self):
        text = good_list(self.domain)
        self.answer(b"", Content_Length=len(text))
        try:
            for octet in text:
                self.wfile.write(bytes((octet,)))
                if self.server.over.wait(0.3):
                    break
        except OSError:
            self.stop()

    def bad_denied(self):
        self.answer(b"no\n", 403)

    def bad_gone(self):
        self.answer(b"no\n", 404)

    def bad_broken(self):
        self.answer(b"Traceback\n", 500)

    def bad_not_modified(self):
        """To one who never had it."""
        self.send_response(304)
        self.end_headers()

    def bad_moved_away(self):
        self.answer(b"", 302,
                    Location="https://127.0.230.2/list?signature=s3cret")

    def bad_moved_to_clear(self):
        self.answer(b"", 301, Location=f"http://{HOST}/list")

    def bad_round(self):
        self.answer(b"", 302, Location="/round")

    def good_moved(self):
        if self.path.count("/") < 6:
            self.answer(b"", 307, Location=self.path + "/on")
        else:
            self.good()

    def bad_moved(self):
        self.good_moved()

    # Who may see it.
    def good_password(self):
        wanted = "Basic YmFja3VwOnMzY3JldA=="  # backup:s3cret
        good = self.headers["Authorization"] == wanted
        self.answer(good_list(self.domain), 200 if good else 401)

    bad_password = bad_denied

    def good_token(self):
        good = self.headers["Authorization"] == "Bearer t0ken"
        self.answer(good_list(self.domain), 200 if good else 401)

    def bad_token(self):
        """Passwords go nowhere else."""
        self.answer(b"", 302, Location=f"https://{HOST}:1/list")

    # What has not changed.
    def good_etag(self):
        if self.headers["If-None-Match"] == '"one"':
            self.send_response(304)
            self.end_headers()
        else:
            self.answer(good_list(self.domain), ETag='"one"')

    def bad_etag(self):
        if self.headers["If-None-Match"] == '"two"':
            self.send_response(304)
            self.end_headers()
        else:
            self.answer(good_list(self.domain, ENTRIES + 1), ETag='"two"')

    def good_modified(self):
        date = "Fri, 02 Jan 2026 10:00:00 GMT"
        if self.headers["If-Modified-Since"] == date:
            self.send_response(304)
            self.end_headers()
        else:
            self.answer(good_list(self.domain), Last_Modified=date)

    bad_modified = bad_broken


class Server(http.server.ThreadingHTTPServer):
    """HTTPS with one certificate while it is good, another while it is bad."""
    daemon_threads = True
    request_queue_size = 64

    def __init__(self, good, bad=None):
        super().__init__((HOST, 0), Handler)
        self.contexts = (good, bad or good)
        self.bad = False
        self.over = threading.Event()
        self.lock = threading.Lock()
        self.requests = {}
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def url(self, name):
        return f"https://{HOST}:{self.server_address[1]}/{name}"

    def note(self, name, handler):
        with self.lock:
            self.requests.setdefault(name, []).append(
                (handler.headers["If-None-Match"],
                 handler.headers["Authorization"]))

    def finish_request(self, request, client_address):
        try:
            request.settimeout(20)
            request.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            with self.contexts[self.bad].wrap_socket(
                    request, server_side=True) as secured:
                super().finish_request(secured, client_address)
                # Else the next read would meet an end without TLS's word.
                secured.unwrap()
        except OSError:
            pass

    def handle_error(self, *_):
        pass

    def stop(self):
        self.over.set()
        self.shutdown()


class Deaf:
    """Accepts, by the kernel, and never says a word."""

    def __init__(self):
        self.sock = socket.create_server((HOST, 0), backlog=64)
        self.port = self.sock.getsockname()[1]


class Ssh:
    """A real sshd for sftp alone; keys of its own, nobody's password."""

    def __init__(self, folder):
        self.folder = folder
        self.process = None
        self.port = 0
        for name in ("host", "user", "stranger"):
            run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f",
                self.path(name))
        shutil.copy(self.path("user.pub"), self.path("authorized"))

    def path(self, name):
        return os.path.join(self.folder, name)

    def start(self):
        os.makedirs("/run/sshd", mode=0o755, exist_ok=True)
        with socket.create_server((HOST, 0)) as sock:
            self.port = sock.getsockname()[1]
        with open(self.path("config"), "w", encoding="ascii") as file:
            file.write(f"ListenAddress {HOST}:{self.port}\n"
                       f"HostKey {self.path('host')}\n"
                       f"AuthorizedKeysFile {self.path('authorized')}\n"
                       "StrictModes no\nUsePAM no\nPidFile none\n"
                       "PermitRootLogin prohibit-password\n"
                       "PasswordAuthentication no\n"
                       "MaxStartups 100\n"
                       "Subsystem sftp internal-sftp\n"
                       "ForceCommand internal-sftp\n")
        with open(self.path("log"), "wb") as log:
            self.process = subprocess.Popen(
                [shutil.which("sshd", path="/usr/sbin:/sbin:/usr/bin"), "-D",
                 "-e", "-f", self.path("config")], stdin=subprocess.DEVNULL,
                stdout=log, stderr=log)
        end = time.monotonic() + 20
        while time.monotonic() < end:
            try:
                socket.create_connection((HOST, self.port), 1).close()
                break
            except OSError:
                time.sleep(0.05)
        self.know("known", "host.pub", self.port)
        self.know("mistaken", "stranger.pub", self.port)

    def know(self, name, key, port):
        with open(self.path(key), encoding="ascii") as file:
            words = file.read().split()
        with open(self.path(name), "a", encoding="ascii") as file:
            file.write(f"[{HOST}]:{port} {words[0]} {words[1]}\n")

    def url(self, path):
        return f"sftp://root@{HOST}:{self.port}{path}"

    def stop(self):
        if self.process:
            self.process.terminate()
            self.process.wait(20)
