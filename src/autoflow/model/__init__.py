"""The nouns. Frozen values of the standard library only; nothing here reads, writes or waits."""
