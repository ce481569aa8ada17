"""Send runs from the spool to the tracking server while a stage works.

A thread sends what is new every few seconds, so that the run is seen on the server while it goes
on. A stage that has ended waits until all of its run is there, but not for a server that is away.
"""

import sys
from threading import Event, Thread

from pipeline.tracking import champion, reach, spool
from pipeline.tracking.address import shown
from pipeline.tracking.connection import reason
from pipeline.tracking.mirror import Mirror

PAUSE = 5.0  # seconds from one look at the run to the next
BRIEF = 3.0  # seconds that a server may take to show that it is there


class Sender(Thread):
    """A thread that sends a run, and between whiles others that wait for the same server.

    Args:
        spooled: the run, claimed by this process.
        server: address of the server.
    """

    def __init__(self, spooled: spool.Spooled, server: str) -> None:
        super().__init__(name="sender", daemon=True)
        self._spooled, self._server = spooled, server
        self._mirror: Mirror | None = None  # made late, as MLflow connects to a database then
        self._ended, self._settled, self._away = Event(), Event(), False

    def run(self) -> None:
        """Send until the stage has ended; then once more."""
        while not (ended := self._ended.is_set()):
            if self._attempt(ended):
                self._send_another()
            self._ended.wait(PAUSE)
        if not self._attempt(ended):
            self._spooled.release()
        self._settled.set()

    def finish(self) -> None:
        """Wait until the whole run is on the server, unless that is away; then say so."""
        self._ended.set()
        while not self._settled.wait(PAUSE):
            if trouble := reach.trouble(self._server, BRIEF):
                tell(self._spooled, self._server, trouble)
                return

    def _attempt(self, ended: bool) -> bool:
        """Send what is new; return whether the server took it."""
        if self._away or self._copy(ended):  # twice, as a kept connection may have been closed
            trouble = reach.trouble(self._server, BRIEF) or self._copy(ended)
        else:
            trouble = ""
        if trouble:
            tell(self._spooled, self._server, trouble)
        self._away = bool(trouble)
        return not trouble

    def _copy(self, ended: bool) -> str:
        """Send what is new; return why the server did not take it, or nothing."""
        try:
            self._mirror = self._mirror or Mirror(self._spooled, self._server)
            deliver(self._mirror) if ended else self._mirror.copy(ended=False)
        except Exception as error:  # whatever fails here must not stop the stage
            return f"it refuses: {reason(error)}"
        return ""

    def _send_another(self) -> None:
        """Send one run that waits for the server, if its process has ended."""
        for other in spool.pending(shown(self._server)):
            if not self._ended.is_set() and other.claim():
                send(other, self._server)
                return


def send(spooled: spool.Spooled, server: str) -> str:
    """Send a run whose process has ended, and which this one has claimed.

    Returns:
        Why it could not be sent, and so stays in the spool; empty if it was sent.
    """
    try:
        run = spooled.run()
        if run and run.info.status == "RUNNING":
            spooled.client().set_terminated(run.info.run_id, "KILLED")
        deliver(Mirror(spooled, server))
    except Exception as error:
        spooled.release()
        return reach.trouble(server, BRIEF) or f"it refuses: {reason(error)}"
    return ""


def send_all(server: str) -> tuple[int, str]:
    """Send all runs that wait for a server.

    Returns:
        How many were sent, and a sentence on what is left and why; empty if nothing is.
    """
    sent, left = 0, []
    trouble = reach.trouble(server, BRIEF)
    for waiting in spool.pending(shown(server)):
        if trouble:
            left.append(trouble)
        elif waiting.claim(BRIEF):
            trouble = send(waiting, server)
            left += [trouble] if trouble else []
            sent += not trouble
            trouble = reach.trouble(server, BRIEF) if trouble else ""
        elif waiting.note and not waiting.note.get("sent"):
            left.append("another process writes or sends it")
    if not left:
        return sent, ""
    return sent, (
        f"{len(left)} of {sent + len(left)} runs were not sent to {shown(server)} ({left[0]}); "
        "nothing is lost: `python -m pipeline.send` sends them when it can."
    )


def deliver(mirror: Mirror) -> None:
    """Send a whole run, let it challenge the champion there, and remove it from the spool."""
    if copy := mirror.copy(ended=True):
        champion.challenge(mirror.target, copy)
    server = mirror.spooled.note["server"]
    mirror.spooled.remove()
    if not mirror.spooled.note:
        spool.forget(server, copy)


def tell(spooled: spool.Spooled, server: str, trouble: str) -> None:
    """Tell the user, once for each run, that a server is away, and that nothing is lost."""
    if spooled.tell():
        print(
            f"MLflow's server {shown(server)} cannot be used now ({trouble}). The work goes on, "
            "and nothing is lost: the run is kept in .dvc/tmp/spool, and sent when the server is "
            "back, by this stage, the next one, or `python -m pipeline.send`.",
            file=sys.stderr,
            flush=True,
        )
