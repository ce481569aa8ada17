"""From a trained model to recommendations, without TensorFlow: NumPy is loaded in no time."""
