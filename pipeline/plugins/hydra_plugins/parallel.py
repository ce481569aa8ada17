"""A launcher of jobs on several processes of this machine: ``hydra/launcher=parallel``.

Unlike a pool of processes, whose members all end when one of them does, each process here is a pool
of its own: a job that is killed takes no other with it. A process stays for the next job, so that
TensorFlow is imported once for each.
"""

import math
import os
import signal
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue
from typing import Any

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
        self.processes: list[Any] = []
        self.free = SimpleQueue[Any]()

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
            from joblib.externals.loky.process_executor import TerminatedWorkerError

            words = filter_overrides(job_overrides[place])
            config = self.context.config_loader.load_sweep_config(
                self.config, list(job_overrides[place])
            )
            with open_dict(config):
                config.hydra.job.id = config.hydra.job.num = initial_job_idx + place
            process = self.free.get()
            print(f"#{initial_job_idx + place}: {' '.join(words)}", flush=True)
            try:
                done: JobReturn = process.submit(
                    execute, config, self.context, self.task, Singleton.get_state()
                ).result()
            except TerminatedWorkerError:
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
            for process in self.processes:
                process.shutdown(kill_workers=True)
            raise
        finally:
            lanes.shutdown(wait=False, cancel_futures=True)

    def _process(self) -> Any:
        from joblib.externals.loky import ProcessPoolExecutor

        threads = max(1, (os.cpu_count() or 1) // self.workers)
        process = ProcessPoolExecutor(1, env={"TF_NUM_INTEROP_THREADS": str(threads)})
        self.processes.append(process)
        return process


def execute(
    config: DictConfig, context: HydraContext, task: TaskFunction, singletons: Any
) -> JobReturn:
    """Run one job in a process of the launcher."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the launcher ends its processes itself
    Singleton.set_state(singletons)
    return run_job(
        hydra_context=context,
        task_function=task,
        config=config,
        job_dir_key="hydra.sweep.dir",
        job_subdir_key="hydra.sweep.subdir",
    )
