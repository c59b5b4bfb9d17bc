"""A partner on the HTTP server of Python's standard library, with a habit for each path."""

import json
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Partner(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        habit = getattr(self, "get_" + self.path.strip("/").replace("-", "_"), self.get_missing)
        try:
            habit()
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True

    def answer(self, status, body, length=None, **headers):
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", len(body) if length is None else length)
        self.send_header("X-Internal", "secret.partner.internal")
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def get_ok(self):
        self.answer(200, json.dumps({"name": "python"}).encode())

    def get_missing(self):
        self.answer(404, b'{"secret": "no such thing"}')

    def get_broken(self):
        self.answer(500, b"Traceback: secret")

    def get_slow(self):
        time.sleep(60)

    def get_too_long(self):
        self.answer(200, b'{"name": "half', length=1000)
        self.close_connection = True

    def get_too_short(self):
        self.answer(200, b'{"name": "secret"}', length=5)
        self.close_connection = True

    def get_garbage(self):
        self.wfile.write(b"\x00\xff secret garbage\r\n\r\n" * 10)
        self.close_connection = True

    def get_redirect(self):
        self.answer(302, b"", Location="/redirect")

    def get_endless(self):
        self.send_response(200)
        self.send_header("Connection", "close")
        self.end_headers()
        while True:
            self.wfile.write(b"secret " * 1000)

    def log_message(self, *args):
        pass


server = ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Partner)
server.daemon_threads = True
print(json.dumps({"http": server.server_port}), flush=True)
server.serve_forever()
