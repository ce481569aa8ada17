"""Waits until all workers of a training have started.

TensorFlow waits too, but deaf to signals, and without a word for whom.
"""

import contextlib
import socket
import time

from pipeline.errors import UserError

EVERY = 0.2  # seconds between two looks
PATIENCE = 5  # seconds for an answer


def meet(addresses: list[str], rank: int) -> None:
    """Wait until each of the other workers listens, be it here or already in TensorFlow.

    Args:
        addresses: HOST:PORT of all workers.
        rank: which of them is this one.

    Raises:
        UserError: its port is in use, or not allowed.
    """
    port = int(addresses[rank].rpartition(":")[2])
    try:
        listener = socket.create_server(("", port), backlog=len(addresses))
    except OSError as error:
        raise UserError(
            f"train: worker {rank} cannot listen on port {port} ({error.strerror}); "
            "end what uses it, or give this worker another."
        ) from error
    with listener:
        missing = [address for address in addresses if address != addresses[rank]]
        name = f"worker {rank} of {len(addresses)}"
        print(f"{name} waits for {', '.join(missing)}", flush=True)
        while missing := [address for address in missing if not _listens(address)]:
            time.sleep(EVERY)


def _listens(address: str) -> bool:
    host, _, port = address.rpartition(":")
    with contextlib.suppress(OSError), socket.create_connection((host, int(port)), PATIENCE):
        return True
    return False
