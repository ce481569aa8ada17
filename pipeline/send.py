"""Send to the tracking server the runs that wait for it, as it was away when they ended.

    python -m pipeline.send

The server is that of MLFLOW_TRACKING_URI. The next train or evaluate would send them too.
"""

import argparse
from collections import Counter

from pipeline.errors import UserError, exit_on_user_error
from pipeline.tracking import connection, sender, spool, store
from pipeline.tracking.address import shown


def main() -> None:
    """Send the runs, and say how many were sent and what is left.

    Raises:
        UserError: runs are left.
    """
    formatter = argparse.RawDescriptionHelpFormatter
    argparse.ArgumentParser(description=__doc__, formatter_class=formatter).parse_args()
    store.check_environment()
    connection.prepare()
    server = shown(store.store())
    left = ""
    if store.remote():
        sent, left = sender.send_all(store.store())
        print(f"sent {sent} runs to {server}" if sent or left else f"no run waits for {server}")
    others = Counter(run.note["server"] for run in spool.pending())
    for name in others.keys() - {server}:
        print(f"{others[name]} runs wait for {name}; set {store.URI} to it to send them")
    if left:
        raise UserError(left)


if __name__ == "__main__":
    exit_on_user_error(main)
