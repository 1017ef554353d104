"""Debian's python3-spf (pyspf) as a second opinion on RFC 7208.

Where pyspf is wrong, or RFC 7208 leaves open what backupmx has decided, a
correction below changes pyspf's text before it is loaded. Each has a name, a
reason and the exact text it replaces: a release of pyspf in which that text is
gone is refused rather than compared wrongly.
"""
import importlib.util
import types

PLACES = {}


def correct(name, why, *edits):
    PLACES[name] = (why, edits)


correct(
    "sender",
    "RFC 7208 4.3, 2.4: a sender without local part is postmaster@, for %{s}"
    " too; the last '@' ends a (quoted) local part; a final dot is no label",
    ("        self.l, self.o = split_email(s, h)\n        self.t =",
     "        self.l, self.o = split_email(s, h)\n"
     "        self.s = self.l + '@' + self.o\n        self.t ="),
    ("parts = s.split('@', 1)", "parts = s.rsplit('@', 1)"),
    ("        return 'postmaster', h\n    else:",
     "        return 'postmaster', h[:-1] if h.endswith('.') else h\n"
     "    else:\n        s = s[:-1] if s.endswith('.') else s"))
correct(
    "no-domain",
    "RFC 7208 4.3: at least two labels, at most 253 octets, no address"
    " literal; backupmx: nor blanks, controls or 8-bit octets",
    ("        for label in domain.split('.'):\n"
     "          if not label or len(label) > 63:\n            return None\n",
     "        labels = domain.split('.')\n"
     "        if (len(labels) < 2 or len(domain) > 253 or domain[0] == '['\n"
     "            or not all(0 < len(l) < 64 for l in labels)\n"
     "            or not all('!' <= c <= '~' for c in domain)):\n"
     "            return None\n"))
correct(
    "octets",
    "RFC 7208 12: terms and explanations are printable ASCII; '$' of Python"
    " takes a line end, too",
    ("        spf = [mech for mech in spf[1:] if mech]\n",
     "        spf = [mech for mech in spf[1:] if mech]\n"
     "        if any(not '!' <= c <= '~' for mech in spf for c in mech):\n"
     "            raise PermError('octets')\n"),
    ("                if len(a) == 1:\n                    return str(",
     "                if len(a) == 1 and all(31 < c < 127 for c in a[0]):\n"
     "                    return str("),
    (r"re.compile(br'^v=spf1$|^v=spf1 '", r"re.compile(br'^v=spf1\Z|^v=spf1 '"),
    ("urllibparse.quote(e,'~')", "urllibparse.quote(e,'~','latin-1')"))
correct(
    "modifier-case", "RFC 7208 4.6.1, RFC 5234: names ignore case",
    ("            mod,arg = m\n",
     "            mod,arg = m\n            mod = mod.lower()\n"))
correct(
    "modifier-twice",
    "RFC 7208 6: only exp and redirect must not be given twice",
    ("if mod in modifiers:",
     "if mod in modifiers and mod in ('exp', 'redirect'):"))
correct(
    "modifier-letters",
    "RFC 7208 6, 12: the macro-string of an unknown modifier is ignored; its"
    " grammar has c, r and t",
    ("                self.expand(m[1])       #",
     "                self.expand(m[1], stripdot=False)       #"))
correct(
    "redirect-counted",
    "RFC 7208 4.6.4: terms count when they are evaluated, not when read",
    ("                self.check_lookups()\n                redirect =",
     "                redirect ="),
    ("                redirect_record = self.dns_spf(redirect)\n",
     "                self.check_lookups()\n"
     "                redirect_record = self.dns_spf(redirect)\n"))
correct(
    "include-itself",
    "RFC 7208 5.2: no error of grammar; met only when evaluated, by the limit",
    ("                    if mech != 'include':\n",
     "                    if ':' in mech:\n"
     "                        return mech, m, arg, cidrlength, result\n"
     "                    if mech != 'include':\n"))
correct(
    "empty-name",
    "RFC 7208 4.8: what expands to no name matches nothing when evaluated;"
    " only an empty domain-spec is an error of grammar",
    ("            arg = self.expand_domain(arg)\n            if not arg:\n",
     "            if not arg:\n"
     "                raise PermError('empty domain:',mech)\n"
     "            arg = self.expand_domain(arg)\n            if False:\n"),
    ("                redirect = self.expand_domain(arg)\n"
     "                if not redirect:\n",
     "                redirect = self.expand_domain(arg)\n"
     "                if not arg:\n"),
    ("            if redirect:\n", "            if redirect is not None:\n"),
    ("            raise Exception('Invalid query')\n", "            return []\n"))
correct(
    "domain-is-text",
    "RFC 7208 4.8, 4.3: the domain that a term is about when it names none is"
    " taken as it is: no macros in it, no top label asked for",
    ("        if RE_TOPLAB.split(arg)[-1]:\n            raise PermError('Inv",
     "        if arg is self.d:\n            return arg\n"
     "        if RE_TOPLAB.split(arg)[-1]:\n            raise PermError('Inv"),
    ("        if m == 'a' and RE_IP4.match(arg):\n",
     "        if m == 'a' and RE_IP4.match(arg) and arg is not self.d:\n"))
correct(
    "macro-grammar",
    "RFC 7208 7.1: a macro is checked as a whole; no 0, delimiters from the"
    " list alone, an R for r, joined with dots",
    ("        if s.find('%') >= 0:\n            regex = RE_INVALID_MACRO\n",
     "        if not re.match(r'(?:[^%]|%[%_-]|%\\{[slodiphcrtv](?!0+[^0-9])'\n"
     "            r'[0-9]*r?[-.+,/_=]*\\})*\\Z', s, re.I | re.S):\n"
     "            raise PermError('macro')\n"
     "        if False:\n            regex = RE_INVALID_MACRO\n"),
    ("([^0-9a-zA-Z]*)')", "([^0-9a-zA-Z]*)', re.I)"),
    ("JOINERS.get(letter))", "'.')"))
correct(
    "long-name",
    "RFC 7208 7.3: labels go from the left until 253 octets are left, of"
    " names only; pyspf takes one, of explanations too",
    ("            if len(result) > 253:\n",
     "            while stripdot and len(result) > 253 and '.' in result:\n"))
correct(
    "p-macro",
    "RFC 7208 7.3: %{p} is of the domain of its record, whatever the case",
    ("        if not self.p:\n            p = self.validated_ptrs()\n",
     "        if True:\n            p = self.validated_ptrs()\n"),
    ("            elif self.d in p:\n                self.p = self.d\n",
     "            elif [x for x in p if x.lower() == self.d.lower()]:\n"
     "                self.p = [x for x in p if\n"
     "                          x.lower() == self.d.lower()][0]\n"),
    ("                    if d.endswith(sfx):\n",
     "                    if d.lower().endswith(sfx.lower()):\n"))
correct(
    "ptr-errors",
    "RFC 7208 5.5, 7.3: a DNS error in ptr is no match, in %{p} 'unknown', and"
    " of an address skips the name",
    ("        return [p for p in self.dns_ptr(self.i)[:max]\n"
     "            if self.cidrmatch(self.dns_a(p,self.A),cidrlength)]\n",
     "        good = []\n"
     "        try:\n            names = self.dns_ptr(self.i)[:max]\n"
     "        except TempError:\n            names = []\n"
     "        for p in names:\n"
     "            try:\n"
     "                if self.cidrmatch(self.dns_a(p,self.A),cidrlength):\n"
     "                    good.append(p)\n"
     "            except TempError:\n                pass\n"
     "        return good\n"))
correct(
    "mx-order",
    "RFC 7208 5.4: addresses are looked up host by host in order of"
    " preference: what follows a match is not asked for",
    ("        mxnames.sort()\n", "        mxnames.sort(key=lambda mx: mx[0])\n"),
    ("        return [a for mx in mxnames[:max] for a in"
     " self.dns_a(mx[1],self.A)]\n",
     "        return (a for mx in mxnames[:max] for a in"
     " self.dns_a(mx[1],self.A))\n"),
    ("[ipaddress.ip_network(ip) for ip in ipaddrs]",
     "(ipaddress.ip_network(ip) for ip in ipaddrs)"))
correct(
    "empty-explanation",
    "RFC 7208 6.2: an empty explain-string is one, too",
    ("if exp and not recursion:", "if exp is not None and not recursion:"))
correct(
    "p-voids",
    "RFC 7208 4.6.4, open: void look-ups of %{p} and of the addresses of PTR"
    " names do not count: who owns them is the client, who could turn a fail"
    " into permerror",
    ("    def dns_a(self, domainname, A='A'):\n",
     "    def dns_a(self, domainname, A='A', ignore_void=False):\n"),
    ("        r = self.dns(domainname, A)\n",
     "        r = self.dns(domainname, A, ignore_void=ignore_void)\n"),
    ("        return self.dns('%s.%s.arpa'%(reverse_dots(i),self.v), 'PTR')\n",
     "        return self.dns('%s.%s.arpa'%(reverse_dots(i),self.v), 'PTR',\n"
     "                        ignore_void=self.in_p)\n"),
    ("self.cidrmatch(self.dns_a(p,self.A),cidrlength)",
     "self.cidrmatch(self.dns_a(p,self.A,True),cidrlength)"),
    ("                    self.getp()\n",
     "                    self.in_p = True\n"
     "                    try: self.getp()\n"
     "                    finally: self.in_p = False\n"),
    ("class query(object):\n", "class query(object):\n    in_p = False\n"))


class Mismatch(Exception):
    """pyspf is another release than the corrections are written for."""


def source():
    """pyspf's text, or None when it is not installed."""
    found = importlib.util.find_spec("spf")
    if not found or not found.origin:
        return None
    with open(found.origin, encoding="utf-8") as text:
        return text.read()


def load(text, names):
    """pyspf with these corrections as a module."""
    for name in PLACES:
        if name in names:
            for old, new in PLACES[name][1]:
                if old not in text:
                    raise Mismatch(name)
                text = text.replace(old, new)
    module = types.ModuleType("spf_" + "_".join(names))
    module.__dict__["__name__"] = "corrected_spf"
    exec(compile(text, "spf.py", "exec"), module.__dict__)
    return module
