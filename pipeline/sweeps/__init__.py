"""Sweeps: runs, comparison of jobs, cache of stages before train, pruning."""
