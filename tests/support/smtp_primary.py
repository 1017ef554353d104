#!/usr/bin/env python3
"""smtp_primary.py: a primary for call-ahead on 127.0.0.1.

Prints its port. It accepts postmaster and each recipient that begins with
`known`, and refuses the others with 550 5.1.1. It ends with its parent.
"""
import asyncio
import os

REPLIES = {b"EHLO": "250-primary.test\r\n250-PIPELINING\r\n"
                    "250-ENHANCEDSTATUSCODES\r\n250 SIZE 50000000",
           b"QUIT": "221 2.0.0 Bye", b"DATA": "503 5.5.1 No"}


def reply_to(line):
    verb = line[:4].upper()
    if verb != b"RCPT":
        return REPLIES.get(verb, "250 2.0.0 Ok")
    local = line.partition(b"<")[2].lower()
    if local.startswith((b"known", b"postmaster")):
        return "250 2.1.5 Ok"
    return "550 5.1.1 User unknown"


async def serve(reader, writer):
    try:
        writer.write(b"220 primary.test ESMTP\r\n")
        while line := await reader.readline():
            writer.write(reply_to(line).encode() + b"\r\n")
            if line[:4].upper() == b"QUIT":
                break
        await writer.drain()
    except OSError:
        pass
    writer.close()


async def main():
    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    parent = os.getppid()
    while os.getppid() == parent:
        await asyncio.sleep(0.2)


if __name__ == "__main__":
    asyncio.run(main())
