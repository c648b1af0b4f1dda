"""A real S3-speaking server on loopback, and a proxy before it that injects what networks and stores do."""

from __future__ import annotations

import http.client
import socket
import struct
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Lock, Thread
from typing import Any

import pytest

BUCKET = "bucket"


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """A request that reached the proxy. `key` is the path without the bucket; `number` counts those of its key."""

    method: str
    key: str
    query: str
    range: str
    number: int


# A fault: a status to answer, `reset`, `cut` (half of the body, then a reset), `slow` (seconds before the answer).
Fault = int | str | float | None


@dataclass(slots=True)
class Store:
    """The server as tests see it: `faults` says what happens to a request, `requests` and `sent` what did."""

    endpoint: str = ""
    faults: Callable[[Request], Fault] = lambda request: None
    requests: list[Request] = field(default_factory=list)
    sent: dict[str, int] = field(default_factory=dict)
    lock: Any = field(default_factory=Lock)
    _counts: dict[tuple[str, str], int] = field(default_factory=dict)

    def file_system(self) -> Any:
        """Return a client that goes past all faults."""
        import s3fs

        return s3fs.S3FileSystem(endpoint_url=self.direct, skip_instance_cache=True)

    direct: str = ""

    def reset(self) -> None:
        """Forget faults and what was counted, and empty the bucket."""
        self.faults = lambda request: None
        self.forget()
        system = self.file_system()
        if system.exists(BUCKET):
            system.rm(BUCKET, recursive=True)
        system.mkdir(BUCKET)

    def forget(self) -> None:
        """Forget what was counted."""
        self.requests.clear()
        self.sent.clear()
        self._counts.clear()

    def note(self, method: str, target: str, byte_range: str) -> Request:
        """Count a request."""
        path, _, query = target.partition("?")
        key = path.removeprefix("/").partition("/")[2]
        with self.lock:
            number = self._counts[method, key] = self._counts.get((method, key), 0) + 1
            request = Request(method=method, key=key, query=query, range=byte_range, number=number)
            self.requests.append(request)
        return request


def _handler(store: Store, host: str, port: int) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, format: str, *args: Any) -> None:
            """Say nothing."""

        def forward(self) -> None:
            body = self._body()
            request = store.note(self.command, self.path, self.headers.get("Range", ""))
            fault = store.faults(request)
            if fault == "reset":
                self._reset()
                return
            if isinstance(fault, int):
                self._answer(fault, {}, b"<Error><Code>InternalError</Code><Message>injected</Message></Error>")
                return
            if isinstance(fault, float):
                time.sleep(fault)
            connection = http.client.HTTPConnection(host, port, timeout=60)
            headers = {
                k: v for k, v in self.headers.items() if k.lower() not in ("transfer-encoding", "content-length")
            }
            connection.request(self.command, self.path, body, headers | {"Content-Length": str(len(body))})
            answer = connection.getresponse()
            data = answer.read()
            connection.close()
            with store.lock:
                store.sent[request.key] = store.sent.get(request.key, 0) + len(data)
            self._answer(answer.status, dict(answer.getheaders()), data, is_cut=fault == "cut")

        def _body(self) -> bytes:
            if self.headers.get("Expect") == "100-continue":
                self.send_response_only(100)
                self.end_headers()
            if "chunked" in self.headers.get("Transfer-Encoding", ""):
                parts = []
                while size := int(self.rfile.readline().split(b";")[0], 16):
                    parts.append(self.rfile.read(size))
                    self.rfile.readline()
                while self.rfile.readline().strip():
                    pass
                return b"".join(parts)
            return self.rfile.read(int(self.headers.get("Content-Length") or 0))

        def _answer(self, status: int, headers: dict[str, str], data: bytes, *, is_cut: bool = False) -> None:
            kept = {k: v for k, v in headers.items() if k.lower() not in ("connection", "transfer-encoding", "date")}
            if self.command != "HEAD":
                kept = {k: v for k, v in kept.items() if k.lower() != "content-length"} | {
                    "Content-Length": str(len(data))
                }
            self.send_response_only(status)
            for key, value in ({"Content-Length": "0"} | kept if self.command == "HEAD" else kept).items():
                self.send_header(key, value)
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(data[: len(data) // 2] if is_cut else data)
            self.wfile.flush()
            if is_cut:
                self._reset()

        def _reset(self) -> None:
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.close_connection = True
            self.connection.close()

        def finish(self) -> None:
            try:
                super().finish()
            except (OSError, ValueError):
                self.close_connection = True

        do_GET = do_PUT = do_POST = do_HEAD = do_DELETE = forward  # noqa: N815

    return Handler


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing: clients come and go."""


@contextmanager
def running_store() -> Iterator[Store]:
    """Run the server and the proxy; clients made without settings talk to the proxy."""
    import s3fs
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    store = Store(direct=f"http://{host}:{port}")
    proxy = _Server(("127.0.0.1", 0), _handler(store, host, port))
    store.endpoint = f"http://127.0.0.1:{proxy.server_port}"
    thread = Thread(target=proxy.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ENDPOINT_URL", store.endpoint)
        patch.setenv("AWS_ACCESS_KEY_ID", "planted-key-id")
        patch.setenv("AWS_SECRET_ACCESS_KEY", "planted-secret-key")
        patch.setenv("AWS_DEFAULT_REGION", "us-east-1")
        patch.setenv("AWS_EC2_METADATA_DISABLED", "true")
        patch.setenv("CURATION_PATIENCE", "20")
        patch.delenv("AWS_PROFILE", raising=False)
        s3fs.S3FileSystem.clear_instance_cache()  # clients of another module's server
        try:
            yield store
        finally:
            s3fs.S3FileSystem.clear_instance_cache()
            proxy.shutdown()
            proxy.server_close()
            server.stop()
