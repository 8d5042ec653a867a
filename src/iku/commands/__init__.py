"""Commands: the only way to change the register. Read, decide, append."""
