"""Hydra launcher that runs jobs in parallel processes on this machine: ``hydra/launcher=parallel``.

Each process is a ProcessPoolExecutor with one worker, because a pool breaks as a whole when one of
its workers dies: here a killed job ends no other. A process runs many jobs, so that TensorFlow is
imported once per process.
"""

import math
import multiprocessing
import os
import signal
import sys
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue

import cloudpickle
from hydra.core.config_store import ConfigStore
from hydra.core.singleton import Singleton
from hydra.core.utils import JobReturn, JobStatus, configure_log, filter_overrides, run_job
from hydra.plugins.launcher import Launcher
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig, open_dict


@dataclass
class Settings:
    """Settings of the launcher: number of parallel jobs; null for one per core."""

    _target_: str = "hydra_plugins.parallel.ParallelLauncher"
    workers: int | None = None


ConfigStore.instance().store(group="hydra/launcher", name="parallel", node=Settings)


class ParallelLauncher(Launcher):
    """Runs jobs in the given order, ``workers`` at a time, which share the cores equally."""

    def __init__(self, workers: int | None) -> None:
        self.workers = workers or os.cpu_count() or 1
        self.processes: list[ProcessPoolExecutor] = []
        self.free = SimpleQueue[ProcessPoolExecutor]()

    def setup(
        self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig
    ) -> None:
        """Store what Hydra runs the jobs with."""
        self.context, self.task, self.config = hydra_context, task_function, config

    def launch(
        self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int
    ) -> Sequence[JobReturn]:
        """Run all jobs; one whose process dies is reported, and its objective is infinite.

        A search calls this for each batch of trials; the processes stay.
        """
        configure_log(self.config.hydra.hydra_logging, self.config.hydra.verbose)
        Path(str(self.config.hydra.sweep.dir)).mkdir(parents=True, exist_ok=True)
        while len(self.processes) < self.workers:
            self.free.put(self._process())

        def one(index: int) -> JobReturn:
            words = filter_overrides(job_overrides[index])
            config = self.context.config_loader.load_sweep_config(
                self.config, list(job_overrides[index])
            )
            with open_dict(config):
                config.hydra.job.id = config.hydra.job.num = initial_job_idx + index
            process = self.free.get()
            print(f"#{initial_job_idx + index}: {' '.join(words)}", flush=True)
            try:
                # cloudpickle, as pickle cannot send functions of __main__ or classes of plugins.
                sent = cloudpickle.dumps((config, self.context, self.task, Singleton.get_state()))
                result: JobReturn = cloudpickle.loads(process.submit(execute, sent).result())
            except BrokenProcessPool:
                print(f"error: job #{initial_job_idx + index} was killed.", file=sys.stderr)
                self.processes.remove(process)
                process = self._process()
                result = JobReturn(overrides=words, status=JobStatus.COMPLETED)
                result.return_value = math.inf
            self.free.put(process)
            return result

        threads = ThreadPoolExecutor(self.workers)
        try:
            return list(threads.map(one, range(len(job_overrides))))
        except BaseException:  # usually Ctrl-C
            threads.shutdown(wait=False, cancel_futures=True)
            for worker in multiprocessing.active_children():
                worker.kill()
            raise

    def _process(self) -> ProcessPoolExecutor:
        # TensorFlow in the new process reads this number: the jobs share the cores.
        os.environ["TF_NUM_INTEROP_THREADS"] = str(max(1, (os.cpu_count() or 1) // self.workers))
        context = multiprocessing.get_context("spawn")  # TensorFlow does not survive a fork
        # At Ctrl-C the launcher kills its processes; they ignore the signal themselves.
        process = ProcessPoolExecutor(1, context, signal.signal, (signal.SIGINT, signal.SIG_IGN))
        self.processes.append(process)
        return process


def execute(sent: bytes) -> bytes:
    """Run one job in a process of the launcher.

    Args:
        sent: pickled config, HydraContext, task function, and state of Hydra's singletons.

    Returns:
        The pickled JobReturn.
    """
    config, context, task, singletons = cloudpickle.loads(sent)
    Singleton.set_state(singletons)
    result: bytes = cloudpickle.dumps(
        run_job(
            hydra_context=context,
            task_function=task,
            config=config,
            job_dir_key="hydra.sweep.dir",
            job_subdir_key="hydra.sweep.subdir",
        )
    )
    return result
