"""Gibbs sampling of the wide and deep weights from their posterior."""
