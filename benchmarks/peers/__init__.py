"""Handlers as a user would write them, each after the documentation of its library."""
