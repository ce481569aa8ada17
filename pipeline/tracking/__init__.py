"""MLflow: runs, what is logged to them, the registered model, views of the UI."""
