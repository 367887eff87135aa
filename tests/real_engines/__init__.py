"""Real engines on this machine's processor, run as composed pods say: see docs/proof.md."""
