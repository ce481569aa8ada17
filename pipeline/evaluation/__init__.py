"""Parts of the stage evaluate: metrics, baselines, ranking, segments, leak probes, report."""
