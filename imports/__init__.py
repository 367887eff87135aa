"""Generated from CRDs by scripts/import-crds: do not edit."""
