"""From a due pending trigger to a message that went out, or a dead letter that says why it did not."""
