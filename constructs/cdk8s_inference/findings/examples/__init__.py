"""Small deployments that work; a rule's example breaks one of them in one place."""
