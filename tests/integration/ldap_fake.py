"""An LDAP server that answers what it is told to, right or wrong: for what no
real one would say, or no OpenLDAP. Messages are BER (RFC 4511), by hand."""
import socket
import threading

HOST = "127.0.235.1"
SUCCESS, REFERRAL = 0, 10
PAGED = b"1.2.840.113556.1.4.319"


def ber(tag, *parts):
    body = b"".join(parts)
    size = len(body)
    if size < 128:
        return bytes((tag, size)) + body
    octets = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes((tag, 0x80 | len(octets))) + octets + body


def number(value, tag=2):
    return ber(tag, value.to_bytes(value.bit_length() // 8 + 1, "big"))


def text(value, tag=4):
    return ber(tag, value if isinstance(value, bytes) else value.encode())


def message(ident, operation, controls=b""):
    return ber(0x30, number(ident), operation,
               ber(0xa0, controls) if controls else b"")


def result(tag, code=SUCCESS, said="", rest=b""):
    return ber(tag, number(code, 10), text(""), text(said), rest)


def entry(name, **attributes):
    return ber(0x64, text(name), ber(0x30, *(
        ber(0x30, text(key.replace("__", ";").replace("_", "=")),
            ber(0x31, *map(text, values)))
        for key, values in attributes.items())))


def page(cookie):
    """The control at the end of a page."""
    return ber(0x30, text(PAGED), text(ber(0x30, number(0), text(cookie))))


def read_message(sock):
    """The number of a request and its operation's tag."""
    head = sock.recv(2, socket.MSG_WAITALL)
    if len(head) < 2:
        return None
    size = head[1]
    if size & 0x80:
        size = int.from_bytes(sock.recv(size & 0x7f, socket.MSG_WAITALL),
                              "big")
    body = sock.recv(size, socket.MSG_WAITALL)
    length = body[1]
    return int.from_bytes(body[2:2 + length], "big"), body[2 + length]


class Fake:
    """Takes any log-in; `answer(ident, count)` gives what a search gets, as
    octets, or None to hang up; count is 0 for the first."""

    def __init__(self, answer):
        self.answer = answer
        self.listener = socket.create_server((HOST, 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.run, daemon=True).start()

    def run(self):
        sock, _ = self.listener.accept()
        count = 0
        try:
            while request := read_message(sock):
                ident, operation = request
                if operation == 0x60:
                    sock.sendall(message(ident, result(0x61)))
                elif operation == 0x63:
                    said = self.answer(ident, count)
                    if said is None:
                        break
                    sock.sendall(said)
                    count += 1
        except (OSError, IndexError):
            pass
        sock.close()


ONE = entry("cn=x", mail=["one@example.test"])


def done(ident, code=SUCCESS, cookie=None, rest=b""):
    return message(ident, result(0x65, code, rest=rest),
                   page(cookie) if cookie is not None else b"")


def referral(ident, url):
    return message(ident, ber(0x73, text(url)))


# Name, answer, what the one line holds.
BAD = [
    ("no LDAP", lambda i, n: b"HTTP/1.1 400 Bad Request\r\n\r\n", ""),
    ("an octet of garbage", lambda i, n: b"\xff", ""),
    ("a message of 2 GiB", lambda i, n: b"\x30\x84\x7f\xff\xff\xff\x02\x01",
     "ended early"),
    ("a message of 17 MiB", lambda i, n: message(i, entry(
        "cn=x", mail=["x" * (17 << 20)])), "ended early"),
    ("an entry that is cut", lambda i, n: message(i, ONE[:-6]) + done(i),
     ""),
    ("an entry, then the end", lambda i, n: message(i, ONE) if n == 0 else None,
     ""),
    ("another page, which does not come",
     lambda i, n: message(i, ONE) + done(i, cookie=b"1") if n == 0 else None,
     "ended early"),
    ("the same page for ever",
     lambda i, n: done(i, cookie=b"1"), "no answer in time"),
    ("a page that does not say whether there is another",
     lambda i, n: message(i, ONE) + done(i, cookie=b"1" if n == 0 else None),
     "another page"),
    ("a page whose control is garbage", lambda i, n: message(i, ONE) + message(
        i, result(0x65), ber(0x30, text(PAGED), text(b"\x30\x7f"))), ""),
    ("values in parts", lambda i, n: message(i, entry(
        "cn=x", proxyAddresses__range_0={"smtp:one@example.test"})) +
     done(i), "all values"),
    ("a referral to a child domain", lambda i, n: message(i, ONE) + referral(
        i, "ldap://sub.example.test/DC=sub,DC=example,DC=test") + done(i),
     "a part is on another server"),
    ("a referral for all", lambda i, n: done(
        i, REFERRAL, rest=ber(0xa3, text("ldap://other.test/"))), "refers"),
    ("an error behind entries", lambda i, n: message(i, ONE) + done(i, 51),
     "busy"),
    ("an error that nobody knows", lambda i, n: done(i, 123), "search"),
    ("answers to another question", lambda i, n: message(
        i + 7, ONE) + done(i + 7), "no answer in time"),
    ("a notice of disconnection", lambda i, n: message(0, ber(
        0x78, number(52, 10), text(""), text("\x1b[31mgoing down\n"),
        text("1.3.6.1.4.1.1466.20036", 0x8a))), ""),
    ("a word with control characters", lambda i, n: message(i, result(
        0x65, 80, "\x1b[31mbad\nworse\r\n" + "x" * 5000)), "?[31mbad?worse"),
]
GOOD = [
    ("a server that does not page", lambda i, n: message(i, ONE) + done(i)),
    ("pages, one of them empty", lambda i, n: done(i, cookie=b"1")
     if n == 0 else message(i, ONE) + done(i, cookie=b"")),
    ("Active Directory's referrals", lambda i, n: message(i, ONE) + referral(
        i, "ldap://DomainDnsZones.example.test/"
        "DC=DomainDnsZones,DC=example,DC=test") + done(i, cookie=b"")),
    ("an attribute without values", lambda i, n: message(i, entry(
        "cn=y", mail=[])) + message(i, ONE) + done(i)),
]
