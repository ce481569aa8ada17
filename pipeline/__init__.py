"""Predicts the rating a user would give an anime: five DVC stages, a module each."""
