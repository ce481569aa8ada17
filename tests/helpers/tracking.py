"""A real tracking server, and a proxy before it that breaks as networks and servers do."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request

import numpy as np
import pandas as pd

from helpers.commands import environment


def rows(noise, seed=0, n=600):
    """Test rows of 60 users, predicted with normal errors of standard deviation ``noise``."""
    rating = np.random.default_rng(0).integers(1, 11, n).astype("float32")
    error = np.random.default_rng(seed).normal(0, noise, n)
    names = {"user": np.arange(n) % 60, "item": np.arange(n) % 7}
    return pd.DataFrame(names | {"rating": rating, "prediction": rating + error})


def free_port():
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        return server.getsockname()[1]


class Tracker:
    """``mlflow server`` with its runs in a folder, or what ``command`` starts on port $PORT."""

    def __init__(self, folder, command=None, **variables):
        self.folder, self.port = folder, free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.command = command or [
            sys.executable, "-m", "mlflow", "server", "--port", str(self.port), "--workers", "1",
            "--backend-store-uri", f"sqlite:///{self.folder}/server.db",
            "--artifacts-destination", str(self.folder / "artifacts"),
        ]  # fmt: skip
        self.variables = variables | {"PORT": str(self.port)}

    def start(self):
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(
                self.command, cwd=self.folder, stdout=log, stderr=log,
                env=environment() | self.variables, start_new_session=True,
            )  # fmt: skip
        while True:
            with contextlib.suppress(OSError), urllib.request.urlopen(f"{self.url}/health"):
                return self
            assert self.process.poll() is None, (self.folder / "log").read_text()
            time.sleep(0.1)

    def signal(self, number):
        """Send a signal to the server and its workers."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, number)

    def kill(self):
        self.signal(signal.SIGKILL)
        self.process.wait()


class Proxy:
    """Passes on connections to a port, or does what ``mode`` says.

    pass: everything is passed on.
    away: the port is closed, and present connections are cut.
    hang: connections are taken, and nothing is answered.
    500: every request is answered with status 500.
    """

    def __init__(self, port):
        self.to, self.port, self.open = port, free_port(), []
        self.url = f"http://127.0.0.1:{self.port}"
        self.requests, self.moment, self.then = 0, None, None
        self.mode, self.listener = "away", None
        self.set("pass")

    def set(self, mode):
        """Change the mode now."""
        self.mode, self.moment = mode, None
        for one in self.open:
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
        self.open = []
        if mode == "away" and self.listener:
            self.listener.shutdown(socket.SHUT_RDWR)  # wakes the thread that accepts
            self.listener.close()
            self.listener = None
        elif mode != "away" and not self.listener:
            self.listener = socket.create_server(("127.0.0.1", self.port))
            threading.Thread(target=self.accept, args=(self.listener,), daemon=True).start()

    def at(self, moment, mode):
        """Change the mode in the middle of the request with this number from now on."""
        self.requests, self.then, self.moment = 0, mode, moment

    def accept(self, listener):
        with contextlib.suppress(OSError):
            while True:
                client, _ = listener.accept()
                self.open.append(client)
                threading.Thread(target=self.serve, args=(client,), daemon=True).start()

    def serve(self, client):
        with contextlib.suppress(OSError):
            if self.mode == "hang":
                return
            if self.mode == "500":
                client.recv(65536)
                client.sendall(b"HTTP/1.1 500 Oops\r\nContent-Length: 4\r\n\r\nOops")
                client.close()
                return
            server = socket.create_connection(("127.0.0.1", self.to))
            self.open.append(server)
            threading.Thread(target=self.back, args=(server, client), daemon=True).start()
            while data := client.recv(65536):
                if data.split(b" ", 1)[0] in (b"GET", b"POST", b"PUT", b"PATCH", b"DELETE"):
                    self.requests += 1
                server.sendall(data)
            server.shutdown(socket.SHUT_RDWR)

    def back(self, server, client):
        with contextlib.suppress(OSError):
            while data := server.recv(65536):
                if self.moment is not None and self.requests >= self.moment:
                    self.set(self.then)  # the server has done it, and the answer is lost
                    return
                client.sendall(data)
            client.shutdown(socket.SHUT_RDWR)
