"""Recommendations from a trained model, in NumPy: importing TensorFlow would take seconds."""
