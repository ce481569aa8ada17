"""What lies in models/: written by train, read by whatever answers."""
