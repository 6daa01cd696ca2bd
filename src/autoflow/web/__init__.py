"""The API that looks and acts: the same for HTTP, the unix socket and the commands."""
