"""A local server that serves files as Kaggle and GroupLens do, or fails in various ways."""

import base64
import hashlib
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlparse


class Server(ThreadingHTTPServer):
    """Serves ``files``; answers have the ``faults``, one each, until none is left.

    A fault is a status to answer with, or one of
    cut: the connection closes in the middle of the body.
    stall: the connection stays open in the middle of the body, silent.
    long, short: Content-Length is larger or smaller than the body.
    wrong: the body is not that of the file.
    corrupt: the same, with the file's true digest in Kaggle's header.
    none: no fault.
    """

    daemon_threads = True

    def __init__(self, files, *faults):
        super().__init__(("127.0.0.1", 0), Handler)
        self.files, self.faults = files, list(faults)
        self.asked = []  # path and Range header of each request for a file
        self.stopping = threading.Event()
        self.url = f"http://127.0.0.1:{self.server_port}"

    def __enter__(self):
        threading.Thread(target=self.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, *_):
        self.stopping.set()
        self.shutdown()
        self.server_close()


class Handler(BaseHTTPRequestHandler):
    def do_POST(self):
        """Kaggle's API: redirect a request for a file to its address."""
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        assert self.path.endswith("/v1/datasets.DatasetApiService/DownloadDataset")
        self.send_response(302)
        name = asked["fileName"]
        if f"{name}.zip" in self.server.files:  # Kaggle packs large files
            name += ".zip"
        self.send_header("Location", f"{self.server.url}/{asked['datasetSlug']}/{name}")
        self.end_headers()

    def do_GET(self):
        path, span = urlparse(self.path).path, self.headers["Range"]
        self.server.asked.append((path, span))
        fault = self.server.faults.pop(0) if self.server.faults else "none"
        body = self.server.files.get(path.rpartition("/")[2])
        status = fault if isinstance(fault, int) else 404 if body is None else 200
        start = int(span.removeprefix("bytes=").removesuffix("-")) if span else 0
        if status == 200 and start > len(body):
            status = 416
        if status != 200:
            self.send_error(status)
            return
        digest = base64.b64encode(hashlib.md5(body, usedforsecurity=False).digest()).decode()
        if fault in ("wrong", "corrupt"):
            body = bytes(len(body))
        body = body[start:]
        half = len(body) // 2
        length = len(body) + {"long": 100, "short": -100}.get(fault, 0)
        self.send_response(206 if span else 200)
        self.send_header("Accept-Ranges", "bytes")
        self.send_header("Content-Length", str(length))
        if fault == "corrupt":
            self.send_header("x-goog-hash", f"md5={digest}")
        self.end_headers()
        self.wfile.write(body[:half] if fault in ("cut", "stall") else body)
        if fault == "stall":
            self.server.stopping.wait(20)

    def log_message(self, *_):
        """Say nothing."""
