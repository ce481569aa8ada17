"""Data sources: one module each, all writing the same raw files."""
