"""The commands. One group a file; what is heavy is imported inside the command that needs it."""
