"""What users say: the ModelDeployment document, validated. Imports no cdk8s."""
