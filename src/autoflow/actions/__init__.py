"""What a rule can do. One file an action; the registry lists them; none knows another."""
