"""A launcher of jobs on several processes of this machine: ``hydra/launcher=parallel``.

Unlike a pool of processes, whose members all end when one of them does, each process here is a pool
of its own: a job that is killed takes no other with it. A process stays for the next job, so that
TensorFlow is imported once for each.
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
    """How many jobs at a time; null for one on each core."""

    _target_: str = "hydra_plugins.parallel.ParallelLauncher"
    workers: int | None = None


ConfigStore.instance().store(group="hydra/launcher", name="parallel", node=Settings)


class ParallelLauncher(Launcher):
    """Runs jobs in the order given, ``workers`` at a time, the cores shared out among them."""

    def __init__(self, workers: int | None) -> None:
        self.workers = workers or os.cpu_count() or 1
        self.processes: list[ProcessPoolExecutor] = []
        self.free = SimpleQueue[ProcessPoolExecutor]()

    def setup(
        self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig
    ) -> None:
        """Keep what the jobs are run with."""
        self.context, self.task, self.config = hydra_context, task_function, config

    def launch(
        self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int
    ) -> Sequence[JobReturn]:
        """Run all jobs; one whose process dies is told of and counts as infinitely bad.

        A search calls this for each of its batches, with the same processes.
        """
        configure_log(self.config.hydra.hydra_logging, self.config.hydra.verbose)
        Path(str(self.config.hydra.sweep.dir)).mkdir(parents=True, exist_ok=True)
        while len(self.processes) < self.workers:
            self.free.put(self._process())

        def one(place: int) -> JobReturn:
            words = filter_overrides(job_overrides[place])
            config = self.context.config_loader.load_sweep_config(
                self.config, list(job_overrides[place])
            )
            with open_dict(config):
                config.hydra.job.id = config.hydra.job.num = initial_job_idx + place
            process = self.free.get()
            print(f"#{initial_job_idx + place}: {' '.join(words)}", flush=True)
            try:
                # Functions of the main module, classes of plugins: pickle cannot take them.
                asked = cloudpickle.dumps((config, self.context, self.task, Singleton.get_state()))
                done: JobReturn = cloudpickle.loads(process.submit(execute, asked).result())
            except BrokenProcessPool:
                print(f"error: #{initial_job_idx + place} was killed.", file=sys.stderr)
                self.processes.remove(process)
                process = self._process()
                done = JobReturn(overrides=words, status=JobStatus.COMPLETED)
                done.return_value = math.inf
            self.free.put(process)
            return done

        lanes = ThreadPoolExecutor(self.workers)
        try:
            return list(lanes.map(one, range(len(job_overrides))))
        except BaseException:  # Ctrl-C, for the most part
            lanes.shutdown(wait=False, cancel_futures=True)
            for worker in multiprocessing.active_children():
                worker.kill()
            raise

    def _process(self) -> ProcessPoolExecutor:
        # Jobs share the cores out; a new interpreter, as TensorFlow does not survive a fork.
        os.environ["TF_NUM_INTEROP_THREADS"] = str(max(1, (os.cpu_count() or 1) // self.workers))
        context = multiprocessing.get_context("spawn")
        process = ProcessPoolExecutor(1, context, signal.signal, (signal.SIGINT, signal.SIG_IGN))
        self.processes.append(process)
        return process


def execute(asked: bytes) -> bytes:
    """Run one job in a process of the launcher, which ends it itself at Ctrl-C.

    Args:
        asked: pickled: the config, Hydra's context, the function, Hydra's singletons.

    Returns:
        What the job came to, pickled: a JobReturn.
    """
    config, context, task, singletons = cloudpickle.loads(asked)
    Singleton.set_state(singletons)
    done: bytes = cloudpickle.dumps(
        run_job(
            hydra_context=context,
            task_function=task,
            config=config,
            job_dir_key="hydra.sweep.dir",
            job_subdir_key="hydra.sweep.subdir",
        )
    )
    return done
