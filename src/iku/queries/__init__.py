"""Queries: the only interface through which users and programs read the register."""
