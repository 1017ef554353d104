#!/usr/bin/env python3
"""Writes messages of many kinds, for a comparison of two ways to a scanner.

scan_corpus.py FOLDER COUNT

Each file has @ID@ where its identity goes. Half of them ask the lab's rspamd
for an action or hold one of its test patterns; the rest is judged on what it
is: plain, folded, 8-bit, HTML, attachments, broken MIME, long lines, dots.
"""
import base64
import os
import random
import sys

ACTIONS = ["reject", "soft reject", "greylist", "add header",
           "rewrite subject", "no action"]
PATTERN = "%sJS*C4JDBQADN1.NSBN3*2IDNEN*GTUBE-STANDARD-ANTI-UBE-TEST-EMAIL*C.34X"
WORDS = ("the invoice of your order money offer meeting winner free click here "
         "now dear friend account bank password verify urgent regards").split()


def words(rng, count):
    return " ".join(rng.choice(WORDS) for _ in range(count))


def plain(rng):
    return "", "\n".join(words(rng, 9) for _ in range(rng.randint(1, 30))) + "\n"


def eight_bit(rng):
    return ("MIME-Version: 1.0\nContent-Type: text/plain; charset=utf-8\n"
            "Content-Transfer-Encoding: 8bit\n",
            "Gr\xc3\xbc\xc3\x9fe \xff " + words(rng, 20) + "\n")


def html(rng):
    return ("MIME-Version: 1.0\nContent-Type: text/html\n",
            f"<html><body><a href='http://{rng.choice(WORDS)}.test/'>"
            f"{words(rng, 30)}</a><img src='http://x.test/1.gif'></body></html>\n")


def attachment(rng):
    data = base64.encodebytes(rng.randbytes(rng.choice([100, 5000, 300000])))
    return ("MIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=\"b\"\n",
            f"preamble\n--b\nContent-Type: text/plain\n\n{words(rng, 9)}\n"
            "--b\nContent-Type: application/zip; name=a.exe\n"
            "Content-Transfer-Encoding: base64\n"
            "Content-Disposition: attachment; filename=a.exe\n\n"
            f"{data.decode()}--b--\n")


def broken(rng):
    return ("MIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=b\n",
            f"--b\nContent-Type: text/plain\n\n{words(rng, 9)}\n--b\n--c--\n")


def long_lines(rng):
    return "X-Long: " + "\n ".join(words(rng, 9) for _ in range(40)) + "\n", \
        words(rng, 140) + "\n"


def dots(rng):
    return "", f".\n..\n.{words(rng, 5)}\n\n\n"


def empty(_):
    return "", ""


def odd_fields(rng):
    return ("X-Folded:\n first\n\tsecond\nX-Empty:\nX-Tab:\tvalue\n"
            "Received: from a.test (a.test [192.0.2.77]) by b.test; "
            "Thu, 1 Jan 2026 00:00:00 +0000\n"), words(rng, 20) + "\n"


KINDS = [plain, eight_bit, html, attachment, broken, long_lines, dots, empty,
         odd_fields]


def message(rng, number):
    fields, body = KINDS[number % len(KINDS)](rng)
    if number % 4 == 1:
        fields += f"X-Lab-Want: {ACTIONS[number // 4 % len(ACTIONS)]}\n"
    elif number % 4 == 3:
        body += PATTERN % "XYZA"[number // 4 % 4] + "\n"
    if number % 5 == 0:
        fields += "X-Lab-Edit: yes\nX-Lab-Two: a\nX-Lab-Two: b\n"
    if number % 7 == 0:
        fields += "X-Spam: forged\n"
    if number % 11 != 0:
        fields += f"Message-ID: <{number}@sender.test>\n"
    if number % 13 != 0:
        fields += "Date: Sat, 21 Nov 2026 00:00:00 +0000\n"
    return (f"From: Sender <a@any.test>\nTo: alice@example.test\n"
            f"Subject: {words(rng, 4)}\nX-Lab-Id: @ID@\n{fields}\n{body}")


def main(folder, count):
    os.makedirs(folder, exist_ok=True)
    for number in range(int(count)):
        rng = random.Random(number)
        path = os.path.join(folder, f"{number:04}")
        with open(path, "w", encoding="latin-1", newline="") as out:
            out.write(message(rng, number))


if __name__ == "__main__":
    main(*sys.argv[1:])
