"""Sweeps of Hydra in MLflow."""
