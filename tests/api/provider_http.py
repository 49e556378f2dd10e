"""The provider's side of the wire: HTTP on loopback, and everything that can go wrong on it."""

import json
import socket
import struct
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

from provider import Fault, Provider, Wrong


class Handler(BaseHTTPRequestHandler):
    """One connection."""

    protocol_version = "HTTP/1.1"
    provider: Provider

    def log_message(self, *_: object) -> None:
        """Say nothing."""

    def do_GET(self) -> None:
        """A request without a body."""
        self._serve(b"")

    def do_POST(self) -> None:
        """A request with one."""
        if self.headers.get("transfer-encoding") == "chunked":
            body = b""
            while size := int(self.rfile.readline(), 16):
                body += self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()
        else:
            body = self.rfile.read(int(self.headers.get("content-length", 0)))
        self._serve(body)

    def _serve(self, body: bytes) -> None:
        provider, url = self.provider, urlsplit(self.path)
        path = url.path.removeprefix("/v1")
        where = f"{self.command} {path}"
        provider.calls.append(where)
        if provider.kill(where, "before"):
            return
        fault = provider.strike(where)
        if fault and not fault.after and self._fail(fault):
            return
        try:
            headers = {key.lower(): value for key, value in self.headers.items()}
            answer, status = provider.answer(self.command, path, parse_qs(url.query), headers, body), 200
        except Wrong as wrong:
            answer, status = {"error": {"message": str(wrong), "code": wrong.code, "type": "error"}}, wrong.status
        except Exception as error:  # a bug of the server's is an error status, as anywhere
            answer, status = {"error": {"message": repr(error), "code": "bug"}}, 500
        if provider.kill(where, "after"):
            return
        if fault and fault.after and self._fail(fault):
            return
        data = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
        if fault and fault.kind == "cut":
            self._send(status, data[: len(data) // 2])
        elif fault and fault.kind == "drip":
            self._drip(data)
        elif fault and fault.kind == "late":
            time.sleep(fault.value)
            self._send(status, data)
        else:
            self._send(status, data)

    def _fail(self, fault: Fault) -> bool:
        """Whether the request has failed now."""
        kind, value = fault.kind, fault.value
        if kind == "reset":
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.close_connection = True
            self.connection.close()
        elif kind == "hang-up":
            self.close_connection = True
            self.connection.shutdown(socket.SHUT_RDWR)
        elif kind == "half":
            self._head(200, 1000)
            self.wfile.write(b'{"id": ')
            self.close_connection = True
            self.connection.shutdown(socket.SHUT_RDWR)
        elif kind == "silence":
            time.sleep(value)
            self.close_connection = True
        elif kind == "body":
            self._send(200, value)
        elif kind == "html":
            self._send(200, b"<html>Bad gateway</html>", kind="text/html")
        elif kind == "status":
            status, code, more = value
            said = {"error": {"message": f"{code} of our choice", "code": code, "type": code}}
            self._send(status, json.dumps(said).encode(), **more)
        else:
            return False
        return True

    def _head(self, status: int, length: int, kind: str = "application/json", **more: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(length))
        for key, value in more.items():
            self.send_header(key.replace("_", "-"), value)
        self.end_headers()

    def _send(self, status: int, data: bytes, **more: str) -> None:
        self._head(status, len(data), **more)
        self.wfile.write(data)

    def _drip(self, data: bytes) -> None:
        self._head(200, len(data))
        for i in range(len(data)):
            self.wfile.write(data[i : i + 1])
            self.wfile.flush()
            time.sleep(0.2)


class Server(ThreadingHTTPServer):
    """Takes many connections at once."""

    daemon_threads = True
    request_queue_size = 256

    def handle_error(self, *_: object) -> None:
        """A client that is gone, or was killed, is no news."""


def serve(provider: Provider) -> tuple[Server, str]:
    """Start it on a free port. Returns it and its base URL."""
    server = Server(("127.0.0.1", 0), type("Bound", (Handler,), {"provider": provider}))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server, f"http://127.0.0.1:{server.server_port}/v1"
