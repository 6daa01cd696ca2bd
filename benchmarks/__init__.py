"""What autoflow does in a second, beside something that shares its limits. Start: `python -m benchmarks`."""
