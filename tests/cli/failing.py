"""`iku status` with an error that nobody foresaw: ``python -m tests.cli.failing``."""

from iku.cli import commands, main

if __name__ == "__main__":
    commands.commands["status"].callback = lambda **_: 1 / 0
    main(["status"])
