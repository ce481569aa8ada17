"""What the stage evaluate is made of: metrics, baselines, ranking, segments, probes, pictures."""
