#!/usr/bin/env python3
"""https_pages.py ADDRESS PORT CERTIFICATE KEY DIRECTORY

Serves over HTTPS: for any path the file DIRECTORY/HOST as text/plain, where
HOST is the name that the client asks for, and 404 where there is none.
"""
import http.server
import os
import ssl
import sys


class Handler(http.server.BaseHTTPRequestHandler):
    directory = None

    def do_GET(self):  # the name is the library's
        host = os.path.basename(self.headers.get("Host", "").split(":")[0])
        path = os.path.join(self.directory, host)
        if not host or not os.path.isfile(path):
            self.send_error(404)
            return
        with open(path, "rb") as file:
            page = file.read()
        self.send_response(200)
        self.send_header("Content-Type", "text/plain")
        self.send_header("Content-Length", str(len(page)))
        self.end_headers()
        self.wfile.write(page)


def main(args):
    if len(args) != 6:
        sys.exit(__doc__)
    Handler.directory = args[5]
    server = http.server.ThreadingHTTPServer((args[1], int(args[2])), Handler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(args[3], args[4])
    server.socket = context.wrap_socket(server.socket, server_side=True)
    server.serve_forever()


if __name__ == "__main__":
    main(sys.argv)
