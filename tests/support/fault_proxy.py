#!/usr/bin/env python3
"""A proxy that spoils connections, for tests.

fault_proxy.py LISTEN TARGET CONTROL

LISTEN and TARGET are unix:/path or host:port; port 0 takes a free one. When it
listens it prints its address as one line. CONTROL is a file that is read anew
before each piece that is passed on, and when a connection is made; lines of

    up MODE       towards the target
    down MODE     towards the client
    accept MODE   new connections: pass, or reset (closed at once), or hole
                  (accepted and never answered)

MODE is one of

    pass          as it comes (what is not named is passed)
    delay MS      each piece, in order, MS milliseconds later
    drip N        N octets every 10 ms
    truncate N    N octets more on each connection, then it is closed
    reset         the connection is reset at the next piece
    hole          taken, and never passed on
"""

import asyncio
import os
import socket
import struct
import sys

PIECE = 16384


class Control:
    """The control file, read when it is asked."""

    def __init__(self, path):
        self.path = path

    def mode(self, direction):
        try:
            with open(self.path, encoding="ascii") as file:
                lines = file.read().splitlines()
        except FileNotFoundError:
            lines = []
        for line in lines:
            words = line.split()
            if len(words) > 1 and words[0] == direction:
                return words[1], int(words[2]) if len(words) > 2 else 0
        return "pass", 0


def reset(writer):
    """Closes so that the peer sees a reset (TCP; a unix socket just ends)."""
    sock = writer.get_extra_info("socket")
    if sock.family != socket.AF_UNIX:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                        struct.pack("ii", 1, 0))
    writer.transport.abort()


class Pipe:
    """One direction of one connection."""

    def __init__(self, control, direction, reader, writer, back):
        self.control = control
        self.direction = direction
        self.reader = reader
        self.writer = writer
        self.back = back  # the writer of the side that is read
        self.left = None  # octets until truncation

    async def drip(self, piece, count):
        while piece:
            self.writer.write(piece[:count])
            piece = piece[count:]
            await self.writer.drain()
            await asyncio.sleep(0.01)

    async def truncate(self, piece, count):
        if self.left is None:
            self.left = count
        self.writer.write(piece[:self.left])
        self.left -= min(self.left, len(piece))
        if self.left == 0:
            await self.writer.drain()
            self.writer.close()
            self.back.close()
            return False
        return True

    async def step(self, piece):
        name, number = self.control.mode(self.direction)
        if name == "hole":
            return True
        if name == "reset":
            reset(self.writer)
            reset(self.back)
            return False
        if name == "truncate":
            return await self.truncate(piece, number)
        self.left = None
        if name == "drip":
            await self.drip(piece, max(number, 1))
            return True
        if name == "delay":
            await asyncio.sleep(number / 1000)
        self.writer.write(piece)
        await self.writer.drain()
        return True

    async def run(self):
        try:
            while True:
                piece = await self.reader.read(PIECE)
                if not piece or not await self.step(piece):
                    break
        except (ConnectionError, OSError):
            pass
        self.writer.close()


async def serve_one(target, control, reader, writer):
    name, _ = control.mode("accept")
    if name == "reset":
        reset(writer)
        return
    if name == "hole":
        await reader.read()
        return
    try:
        if target.startswith("unix:"):
            far = await asyncio.open_unix_connection(target[5:])
        else:
            host, port = target.rsplit(":", 1)
            far = await asyncio.open_connection(host, int(port))
    except OSError:
        reset(writer)
        return
    await asyncio.gather(
        Pipe(control, "up", reader, far[1], writer).run(),
        Pipe(control, "down", far[0], writer, far[1]).run())


async def main(listen, target, control):
    async def serve(reader, writer):
        await serve_one(target, Control(control), reader, writer)

    if listen.startswith("unix:"):
        server = await asyncio.start_unix_server(serve, listen[5:])
        print(listen, flush=True)
    else:
        host, port = listen.rsplit(":", 1)
        server = await asyncio.start_server(serve, host, int(port))
        print("%s:%d" % server.sockets[0].getsockname()[:2], flush=True)
    # It must not outlive the test that started it.
    parent = os.getppid()
    async with server:
        while os.getppid() == parent:
            await asyncio.sleep(0.2)


if __name__ == "__main__":
    if len(sys.argv) != 4:
        sys.exit(__doc__)
    try:
        asyncio.run(main(*sys.argv[1:]))
    except KeyboardInterrupt:
        pass
