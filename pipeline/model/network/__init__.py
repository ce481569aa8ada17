"""The Wide & Deep network."""
