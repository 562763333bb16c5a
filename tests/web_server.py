"""A small web server for tests: it redirects, cuts a connection, resumes, refuses and changes its files."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass
class Web:
    """What is served.

    Attributes:
        root: address of the server.
        files: path -> content.
        redirects: path -> path or address.
        cut: path -> bytes after which the connection breaks.
        pages: paths answered as HTML.
        ranges: whether parts of a file can be asked for.
        sized: whether the server says how long a file is.
        asked: (path, `Range` or "") of each request.
    """

    root: str
    files: dict[str, bytes] = field(default_factory=dict)
    redirects: dict[str, str] = field(default_factory=dict)
    cut: dict[str, int] = field(default_factory=dict)
    pages: set[str] = field(default_factory=set)
    ranges: bool = True
    sized: bool = True
    asked: list[tuple[str, str]] = field(default_factory=list)


@contextmanager
def serve() -> Iterator[Web]:
    """A running server on a free port of this machine."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            web.asked.append((self.path, self.headers.get("Range", "")))
            if self.path in web.redirects:
                self.send_response(302)
                self.send_header("Location", web.redirects[self.path])
                self.end_headers()
            elif self.path in web.files:
                self._give(web.files[self.path])
            else:
                self.send_error(404)

        def _give(self, content: bytes) -> None:
            part = self.headers.get("Range", "") if web.ranges else ""
            start = int(part.removeprefix("bytes=").rstrip("-") or 0)
            if start >= len(content) > 0:
                self.send_error(416)
                return
            self.send_response(206 if start else 200)
            self.send_header("ETag", f'"{hash(content)}"')
            self.send_header("Content-Type", "text/html" if self.path in web.pages else "application/octet-stream")
            if web.sized:
                self.send_header("Content-Length", str(len(content) - start))
            if start:
                self.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
            self.end_headers()
            self.wfile.write(content[start : web.cut.get(self.path)])

        def log_message(self, *args: object) -> None:
            """Say nothing."""

    class Quiet(ThreadingHTTPServer):
        def handle_error(self, *args: object) -> None:
            """A client that hangs up is no news."""

    with Quiet(("127.0.0.1", 0), Handler) as server:
        web = Web(f"http://127.0.0.1:{server.server_port}")
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield web
        server.shutdown()
