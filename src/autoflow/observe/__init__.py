"""What is told about the work: logs, metrics, health. All wording stands here."""
