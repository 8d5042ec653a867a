"""The one door to write by: a command is decided on what was read, then appended."""
