"""Documents that users write: ModelDeployment and ServingStack, as types, and their rules."""
