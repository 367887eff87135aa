"""Rules over ModelDeployment documents and engines."""
