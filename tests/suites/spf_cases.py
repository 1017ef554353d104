"""Random zones, records and senders for spf_differential.py."""
import ipaddress

CLIENTS = ["192.0.2.3", "192.0.2.77", "198.51.100.9", "127.0.0.1", "10.0.0.1",
           "2001:db8::1", "2001:db8:0:1::ff", "::1", "::ffff:192.0.2.3",
           "::ffff:198.51.100.9"]
NAMES = ["example.com", "a.example.com", "b.example.com", "Mail.Example.COM",
         "example.net", "spf.example.net", "c.d.e.example.net", "example.org",
         "x_y.example.org", "1-2.example.org", "xn--bcher-kva.example.org",
         "l" * 63 + ".example.org", ".".join(["label"] * 38) + ".example.com"]
ODD_NAMES = ["com", "", "a..example.com", ".example.com", "example.com.",
             "m" * 64 + ".example.com", "[192.0.2.3]", "a b.example.com",
             "caf\xe9.example.com", "exa%mple.com", "example.com..",
             ".".join(["label"] * 50) + ".com", "1.2.3.4", "a/24.example.com"]
LOCALS = ["user", "strong-bad", "a.b.c", "first+tag", "", "a/b=c_d,e", '"a@b"',
          "%{d}", "a..b", "UPPER~case", "x" * 70, "it's&<odd>", '"two words"']
LETTERS = "slodiphv"
NETWORKS = ["192.0.2.0", "192.0.2.3", "198.51.100.0", "0.0.0.0", "127.0.0.0",
            "255.255.255.255", "1.2.3", "1.2.3.4.5", "01.2.3.4", "256.1.1.1"]
NETWORKS6 = ["2001:db8::", "2001:db8::1", "::1", "::", "::ffff:192.0.2.3",
             "2001:DB8:0:1::", "1:2:3:4:5:6:7:8", "1:2:3:4:5:6:7::", "::1::",
             "2001:db8::12345", "1:2:3", "2001:db8::1%eth0", "::192.0.2.3"]


class Case:
    """One question and its zone: name in lower case -> [(type, value)]."""

    def __init__(self, rng):
        self.rng = rng
        self.zone = {}
        self.client = rng.choice(CLIENTS)
        self.fill_zone()
        self.sender = self.make_sender()
        self.helo = self.name(0.2)

    def name(self, odd=0.0):
        if self.rng.random() < odd:
            return self.rng.choice(ODD_NAMES)
        return self.rng.choice(NAMES)

    def make_sender(self):
        roll = self.rng.random()
        if roll < 0.12:
            return ""
        if roll < 0.18:
            return self.name(0.5)
        return self.rng.choice(LOCALS) + "@" + self.name(0.06)

    def add(self, name, kind, value):
        self.zone.setdefault(name.lower(), []).append((kind, value))

    def address(self, kind):
        client = ipaddress.ip_address(self.client)
        mapped = getattr(client, "ipv4_mapped", None)
        client = mapped or client
        if self.rng.random() < 0.45 and (client.version == 4) == (kind == "A"):
            return str(client)
        pool = ["192.0.2.1", "192.0.2.77", "203.0.113.1"] if kind == "A" else [
            "2001:db8::77", "2001:db8:0:1::1", "::ffff:192.0.2.3"]
        return self.rng.choice(pool)

    def count(self, high):
        roll = self.rng.random()
        if roll < 0.06:
            return self.rng.choice([9, 10, 11, 12])
        return self.rng.randint(0, high)

    def fill_host(self, name):
        rng = self.rng
        for _ in range(rng.randint(0, 2)):
            self.add(name, "A", self.address("A"))
        for _ in range(rng.randint(0, 1)):
            self.add(name, "AAAA", self.address("AAAA"))
        if rng.random() < 0.4:
            for i in range(self.count(3)):
                host = rng.choice(NAMES) if rng.random() < 0.8 else \
                    f"mx{i}.example.net"
                self.add(name, "MX", (rng.choice([0, 10, 10, 20]), host))

    def fill_zone(self):
        rng = self.rng
        for name in NAMES:
            roll = rng.random()
            if roll < 0.05:
                self.add(name, "CNAME", rng.choice(NAMES + ["no.example"]))
                continue
            if roll < 0.12:
                self.add(name, "FAIL", None)
            self.fill_host(name)
            records = rng.choice([0, 1, 1, 1, 1, 1, 1, 1, 1, 1, 2])
            for _ in range(records):
                self.add(name, "TXT", self.strings(self.record()))
            if rng.random() < 0.3:
                self.add(name, "TXT", self.strings(rng.choice(
                    ["hello", "v=spf10 -all", "v=spf2.0/pra -all", "\xe9",
                     "V=SPF1", "v=spf1\t-all", " v=spf1 -all"])))
        for i in range(3):
            for _ in range(rng.choice([0, 1, 1, 1, 1, 2])):
                self.add(f"e{i}.example.com", "TXT",
                         self.strings(self.explanation()))
        self.fill_reverse()

    def fill_reverse(self):
        rng = self.rng
        client = ipaddress.ip_address(self.client)
        client = getattr(client, "ipv4_mapped", None) or client
        if rng.random() < 0.06:
            self.add(client.reverse_pointer, "FAIL", None)
            return
        for i in range(self.count(3)):
            self.add(client.reverse_pointer, "PTR",
                     rng.choice(NAMES) if rng.random() < 0.8
                     else f"p{i}.example.net")

    def strings(self, text):
        """The text cut into the strings of one TXT record."""
        data = text.encode("latin-1")
        parts = []
        while data:
            size = self.rng.choice([255, 255, 7, 30])
            parts.append(data[:size])
            data = data[size:]
        return parts or [b""]

    def macro(self, letters):
        rng = self.rng
        roll = rng.random()
        if roll < 0.06:
            return rng.choice(["%%", "%_", "%-"])
        if roll < 0.075:
            return rng.choice(["%{d0}", "%", "%{", "%{x}", "%(d)", "%{d", "%a",
                               "%{d1x}", "%{dr1}", "%{d.r}", "%{ d}", "%{}"])
        letter = rng.choice(letters)
        letter = letter.upper() if rng.random() < 0.2 else letter
        return "%{" + letter + rng.choice(["", "", "1", "2", "3", "128"]) + \
            rng.choice(["", "", "r", "R"]) + \
            rng.choice(["", "", "", ".", "-", "+-", "_/=", ",."]) + "}"

    def spec(self):
        rng = self.rng
        roll = rng.random()
        if roll < 0.5:
            return self.name(0.03)
        if roll < 0.505:
            return self.macro("crt")
        if roll < 0.53:
            return "%{d}" * rng.choice([20, 60, 127]) + "." + self.name()
        if roll < 0.535:
            return rng.choice(["", "foo", "foo.", "foo.1", "foo.-x", "a:b.com",
                               "..example.com", "foo.com,", "e.com:80"])
        return rng.choice(["", "", "x.", "_spf."]) + \
            rng.choice(["", self.macro(LETTERS) + "."]) + \
            rng.choice([self.macro(LETTERS), "%{d}", self.name()])

    def prefix(self):
        rng = self.rng
        if rng.random() < 0.55:
            return ""
        four = rng.choice(["", "/0", "/8", "/24", "/31", "/32", "/33", "/024",
                           "/"]) if rng.random() < 0.05 else \
            rng.choice(["", "/16", "/24", "/30", "/0"])
        six = rng.choice(["//129", "//", "/64", "//064"]) \
            if rng.random() < 0.03 else \
            rng.choice(["", "", "//0", "//32", "//64", "//128"])
        return four + six

    def term(self):
        rng = self.rng
        qualifier = rng.choice(["", "", "+", "-", "~", "?"])
        kind = rng.choices(
            ["all", "include", "a", "mx", "ptr", "ip4", "ip6", "exists",
             "redirect=", "exp=", "x-mod=", "bad"],
            [6, 12, 12, 10, 7, 9, 8, 9, 7, 9, 3, 1])[0]
        if kind == "bad":
            return rng.choice(["foo", "a=%{d", "++all", "all:", "all/8", "=x",
                               "include", "exists", "-x=1", "ip4", "ip6:",
                               "redirect:e.com", "mx:", "a:", "exp=", "ip",
                               "redirect=", "exp:e0.example.com", "1.2.3.4"])
        if kind == "exp=":
            kind = rng.choice(["exp=", "exp=", "Exp="])
            return kind + (f"e{rng.randrange(4)}.example.com"
                           if rng.random() < 0.8 else self.spec())
        if kind == "redirect=":
            return rng.choice(["redirect=", "redirect=", "REDIRECT="]) + \
                self.spec()
        if kind == "x-mod=":
            return rng.choice(["x-mod=", "a.b_c-9=", "all="]) + \
                rng.choice(["", "yes", self.macro("slodiphcrtv")])
        if rng.random() < 0.1:
            kind = kind.upper()
        return qualifier + kind + self.arguments(kind.lower())

    def arguments(self, kind):
        rng = self.rng
        if kind == "all":
            return ""
        if kind in ("ip4", "ip6"):
            pool = NETWORKS if kind == "ip4" else NETWORKS6
            good = pool[:6] if rng.random() < 0.96 else pool
            prefix = rng.choice(["", "", "/0", "/8", "/24", "/32"]
                                if kind == "ip4" else
                                ["", "", "/0", "/32", "/64", "/128"])
            if rng.random() < 0.02:
                prefix = rng.choice(["/33", "/129", "/", "//64", "/08", "/1a"])
            return ":" + rng.choice(good) + prefix
        spec = ":" + self.spec()
        if kind in ("a", "mx", "ptr") and rng.random() < 0.35:
            spec = ""
        prefix = self.prefix() if kind in ("a", "mx") or \
            rng.random() < 0.01 else ""
        return spec + prefix

    def record(self):
        rng = self.rng
        count = rng.choice([0, 1, 1, 2, 2, 3, 3, 4, 5, 11, 13])
        gap = rng.choice([" ", " ", " ", "  "])
        terms = [self.term() for _ in range(count)]
        if rng.random() < 0.7:
            terms = self.once(terms)
        if rng.random() < 0.05:
            terms[:0] = ["ip6:2001:db8:ffff::/48"] * rng.choice([20, 120, 400])
        if rng.random() < 0.5:
            terms.append(rng.choice(["-all", "~all", "?all", "+all", "-ALL"]))
        text = rng.choice(["v=spf1", "v=spf1", "V=sPf1"])
        text += "".join(gap + term for term in terms)
        return self.mutated(text) if rng.random() < 0.06 else text + \
            rng.choice(["", "", "", " "])

    @staticmethod
    def once(terms):
        """Without the second exp= and redirect=, which end so much."""
        seen, kept = set(), []
        for term in terms:
            name = term.lower().split("=")[0]
            if name not in ("exp", "redirect") or name not in seen:
                kept.append(term)
            seen.add(name)
        return kept

    def explanation(self):
        rng = self.rng
        text = "".join(
            rng.choice(["see ", "http://e.com/?", " ", "not %% ",
                        self.macro("slodiphcrtv")])
            for _ in range(rng.randint(0, 8)))
        if rng.random() < 0.05:
            text = "%{d}" * 127
        return self.mutated(text) if rng.random() < 0.06 else text

    def mutated(self, text):
        rng = self.rng
        at = rng.randrange(len(text) + 1)
        roll = rng.randrange(3)
        if roll == 0:
            return text[:at] + rng.choice("\t\xe9 %/:=.{}\x7f\x01@\n\0") + \
                text[at:]
        return text[:at] + (text[at + 1:] if roll == 1
                            else text[max(at - 3, 0):at] + text[at:])
