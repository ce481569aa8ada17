"""Draws of wide and deep weights from their posterior."""
