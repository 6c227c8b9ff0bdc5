"""Files in, a page with the verifier out, served under the strictest policy that the explorer's pages have."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

from tests.clients.javascript import SERVED

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src data:; connect-src 'self'; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'"
)
PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>A receipt</title>
<meta name="viewport" content="width=device-width, initial-scale=1"><link rel="icon" href="data:,">
<link rel="stylesheet" href="/page.css"><link rel="stylesheet" href="/static/verify.css">
<script type="module" src="/static/verify.js"></script></head>
<body><main><h1>Receipt</h1>
<section data-verify%s><p>Check it with <code>tallystick verify</code>.</p></section>
</main></body></html>
"""
ADDRESSES = ' data-evidence="/evidence.json" data-deployment="/deployment.json"'
TYPES = {"html": "text/html; charset=utf-8", "js": "text/javascript", "css": "text/css", "json": "application/json"}


@contextmanager
def serving(files: Mapping[str, bytes]) -> Iterator[str]:
    """Gives the address of /page.html, which names the evidence and the pins, and of /own.html, which names none.

    A file that is not among `files` is answered with a problem.
    """
    known = {
        "/page.html": (PAGE % ADDRESSES).encode(),
        "/own.html": (PAGE % "").encode(),
        "/page.css": b":root { color-scheme: light dark; background: Canvas; font: 1rem/1.5 sans-serif }",
        **{f"/static/{name}": (SERVED / name).read_bytes() for name in ("verify.js", "verify.css")},
        **files,
    }

    class Answering(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = known.get(self.path, b'{"detail":"job 1 is open.","remedy":"Wait for it."}')
            self.send_response(200 if self.path in known else 409)
            self.send_header("Content-Type", TYPES[self.path.rsplit(".", 1)[-1]])
            self.send_header("Content-Security-Policy", POLICY)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Answering)
    Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
