"""One BLAS thread while the model answers.

The arrays of one answer are small: more threads wait for each other longer than they work, and sums
over another number of threads have other last digits.
"""

from threading import Lock
from types import TracebackType
from typing import Any

from threadpoolctl import ThreadpoolController


class OneThread:
    """Keeps BLAS to one thread while any thread of this process is within ``with ONE_THREAD:``.

    The number of BLAS threads is one of the whole process. The first thread to enter sets it and
    the last to leave restores it; were it each thread's own affair, the first to leave would give
    the others more threads in the middle of their work, and the last would keep one for good.
    """

    def __init__(self) -> None:
        self._lock, self._within = Lock(), 0
        self._blas: ThreadpoolController | None = None
        self._limit: Any = None

    def __enter__(self) -> None:
        with self._lock:
            if not self._within:
                # Not before: it knows the libraries that are loaded when it is made.
                self._blas = self._blas or ThreadpoolController()
                self._limit = self._blas.limit(limits=1)
            self._within += 1

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:  # fmt: skip
        with self._lock:
            self._within -= 1
            if not self._within:
                self._limit.restore_original_limits()


ONE_THREAD = OneThread()
