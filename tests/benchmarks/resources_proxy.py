"""What the user-content proxy costs: milliseconds on top of a small request, and MB/s of a large body.

The platform, the resource's web server and the browser are three processes, over loopback. Each sample is
taken beside one of the same request without the proxy: what else the machine does counts on both sides.
"""

from __future__ import annotations

import http.client
import json
import socketserver
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from typing import Any

from tests.benchmarks.measure import Figure, report

ROUNDS = 20
REQUESTS = 25
"""In a round; a sample of `proxy_ms` is the difference of the two medians."""
BODY_ROUNDS = 5
BODY_BYTES = 256 << 20
PIECE = b"x" * (1 << 18)
Place = tuple[int, dict[str, str]]
"""Port, and the headers of a request there."""


def figures() -> list[Figure]:
    added = Figure("proxy_ms", "ms", "<= 5")
    carried = Figure("proxy_mb_per_s", "MB/s", ">= 100")
    with _process("upstream") as upstream, _process("platform", upstream["port"]) as platform:
        direct: Place = (int(upstream["port"]), {})
        proxied: Place = (int(platform["port"]), {"Host": platform["host"], "Cookie": platform["cookie"]})
        _median_ms(proxied)  # warm
        for _ in range(ROUNDS):
            added.ours.append(_median_ms(proxied) - _median_ms(direct))
        for _ in range(BODY_ROUNDS):
            for move in (_download, _upload):
                carried.ours.append(move(proxied))
                print(
                    f"{move.__name__[1:]}: {carried.ours[-1]:.0f} MB/s; without the proxy {move(direct):.0f}"
                )
    return [added, carried]


def _median_ms(place: Place) -> float:
    connection = http.client.HTTPConnection("127.0.0.1", place[0], timeout=60)
    samples = []
    for _ in range(REQUESTS):
        begun = time.perf_counter()
        connection.request("GET", "/", headers=place[1])
        assert connection.getresponse().read() == b"ok"
        samples.append(1000 * (time.perf_counter() - begun))
    connection.close()
    return statistics.median(samples)


def _download(place: Place) -> float:
    connection = http.client.HTTPConnection("127.0.0.1", place[0], timeout=600)
    begun = time.perf_counter()
    connection.request("GET", "/body", headers=place[1])
    answer, taken = connection.getresponse(), 0
    while size := answer.readinto(bytearray(len(PIECE))):
        taken += size
    assert taken == BODY_BYTES
    return _speed(begun)


def _upload(place: Place) -> float:
    connection = http.client.HTTPConnection("127.0.0.1", place[0], timeout=600)
    begun = time.perf_counter()
    pieces = (PIECE for _ in range(BODY_BYTES // len(PIECE)))
    connection.request("PUT", "/", pieces, headers={**place[1], "Content-Length": str(BODY_BYTES)})
    assert connection.getresponse().read() == b"ok"
    return _speed(begun)


def _speed(begun: float) -> float:
    return BODY_BYTES / 1e6 / (time.perf_counter() - begun)


@contextmanager
def _process(role: str, *arguments: Any) -> Iterator[dict[str, Any]]:
    """Another process of this file, and what it says when it is ready."""
    command = [sys.executable, "-m", "tests.benchmarks.resources_proxy", role, *map(str, arguments)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            yield json.loads(process.stdout.readline())
        finally:
            process.stdin.close()  # its sign to end


class _Web(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = 1 << 16  # head and body of a small answer in one write

    def do_GET(self) -> None:
        size = BODY_BYTES if self.path == "/body" else 2
        self._head(size)
        if size == 2:
            self.wfile.write(b"ok")
            return
        for _ in range(size // len(PIECE)):
            self.wfile.write(PIECE)

    def do_PUT(self) -> None:
        left, buffer = int(self.headers["Content-Length"]), memoryview(bytearray(len(PIECE)))
        while left:
            left -= self.rfile.readinto(buffer[: min(left, len(buffer))])  # type: ignore[attr-defined]
        self._head(2)
        self.wfile.write(b"ok")

    def _head(self, size: int) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(size))
        self.end_headers()

    def log_message(self, *_: Any) -> None: ...


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = True


def serve_upstream() -> None:
    with _Server(("127.0.0.1", 0), _Web) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        _say({"port": server.server_address[1]})


def serve_platform(port: int) -> None:
    from prefect_platform.testing.live_server import live_server
    from tests.content_scene import site

    with live_server() as server:
        found = site(server)
        label = found.add(("127.0.0.1", port))
        _say(
            {"port": server.config.port, "host": found.host(label), "cookie": found.enter(label)},
        )


def _say(ready: dict[str, Any]) -> None:
    print(json.dumps(ready), flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    if sys.argv[1:2] == ["upstream"]:
        serve_upstream()
    elif sys.argv[1:2] == ["platform"]:
        serve_platform(int(sys.argv[2]))
    else:
        report("resources_proxy", figures())
