"""Handlers that are measured: files as users write them, nothing built in."""
