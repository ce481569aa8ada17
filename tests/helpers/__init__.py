"""Helpers that tests share, besides fixtures."""
