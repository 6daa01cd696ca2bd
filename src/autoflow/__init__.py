"""autoflow: rules in YAML, kept in git. When this event comes, wait, check, act."""

__version__ = "0.1.0"
