"""The trained model as stored in models/: train writes it; predicting and recommending read it."""
