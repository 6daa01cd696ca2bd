"""What keeps secrets secret, and outgoing requests out of inside networks."""
