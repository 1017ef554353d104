#!/usr/bin/env python3
"""policy_client.py SOCKET RECIPIENT

Asks a policy server about one recipient as Postfix does, and prints its
action. Exit status 75 when there is no answer.
"""
import socket
import sys

REQUEST = """request=smtpd_access_policy
protocol_state=RCPT
protocol_name=ESMTP
helo_name=client.test
sender=sender@world.test
recipient={}
client_address=192.0.2.7
client_name=unknown
instance=test.1
size=0

"""


def ask(path, recipient):
    with socket.socket(socket.AF_UNIX) as sock:
        sock.settimeout(20)
        sock.connect(path)
        sock.sendall(REQUEST.format(recipient).encode())
        answer = b""
        while not answer.endswith(b"\n\n"):
            part = sock.recv(4096)
            if not part:
                raise OSError("closed without an answer")
            answer += part
    return answer.decode().strip().partition("action=")[2]


if __name__ == "__main__":
    try:
        print(ask(*sys.argv[1:3]))
    except OSError as error:
        print(error, file=sys.stderr)
        sys.exit(75)
