"""The sections of params.yaml, and the allowed values."""
