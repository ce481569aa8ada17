"""The sections of params.yaml, and which values they may have."""
