"""Serve MLflow's UI of this repository: ``make ui``, or ``python -m pipeline.ui [PORT]``."""

import argparse
import os

from pipeline.errors import UserError, exit_on_user_error
from pipeline.tracking import connection, store, views
from pipeline.tracking.address import shown


def main() -> None:
    """Print the links to the views, and replace this process by MLflow's server."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("port", type=int, nargs="?", default=5000, help="default: 5000")
    port = parser.parse_args().port
    if not 0 < port < 2**16:
        raise UserError(f"{port}: a port is a number from 1 to 65535.")
    experiment = connection.connect()
    if store.store().startswith("http"):
        print(f"the server {shown(store.store())} shows its runs itself")
        return
    address = f"http://127.0.0.1:{port}/#/experiments/{experiment.experiment_id}/runs"
    for key, title in ((views.RESULTS, "results"), (views.SWEEP, "newest sweep")):
        if views.TAG + key in experiment.tags:
            print(f"{title}: {address}?{views.LINK}={key}", flush=True)
    command = ["mlflow", "ui", "--host", "127.0.0.1", "--port", str(port)]
    os.execvp("mlflow", [*command, "--backend-store-uri", store.store()])


if __name__ == "__main__":
    exit_on_user_error(main)
