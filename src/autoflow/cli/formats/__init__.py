"""Findings in the forms that other programs read: a file a form, each a pure function from what was found to text."""
