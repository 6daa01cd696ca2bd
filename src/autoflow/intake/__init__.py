"""The doors: HTTP and stdin. All events pass through the gate."""
