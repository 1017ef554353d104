#!/usr/bin/env python3
"""smtp_load.py HOST PORT COUNT PREFIX RECIPIENT...

Gives COUNT messages to a server, to the recipients in turn, over a few
connections; message N has the header X-Lab-Id: PREFIX-N. Prints how many were
taken, and each other reply once.
"""
import concurrent.futures
import sys

from smtp_client import Session

CONNECTIONS = 8


def give(session, number, prefix, recipients):
    sender = f"sender{number}@world.test"
    recipient = recipients[number % len(recipients)]
    lab_id = f"{prefix}-{number}"
    for line in f"MAIL FROM:<{sender}>", f"RCPT TO:<{recipient}>", "DATA":
        code, text = session.command(line)
        if code >= 400:
            session.command("RSET")
            return text
    return session.command(
        f"From: <{sender}>\r\nTo: <{recipient}>\r\nSubject: load\r\n"
        f"X-Lab-Id: {lab_id}\r\n\r\ntext\r\n.")[1]


def work(host, port, first, count, prefix, recipients):
    session = Session(host, port, None)
    session.reply()
    session.command("EHLO client.test")
    replies = [give(session, number, prefix, recipients)
               for number in range(first, count, CONNECTIONS)]
    session.command("QUIT")
    return replies


def main(host, port, count, prefix, *recipients):
    with concurrent.futures.ThreadPoolExecutor(CONNECTIONS) as pool:
        jobs = [pool.submit(work, host, port, i, int(count), prefix,
                            recipients) for i in range(CONNECTIONS)]
        replies = [reply for job in jobs for reply in job.result()]
    print(sum(reply[:3] == "250" for reply in replies))
    for other in sorted({r for r in replies if r[:3] != "250"}):
        print(other)


if __name__ == "__main__":
    main(*sys.argv[1:])
