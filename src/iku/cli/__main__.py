"""Entry point of ``python -m iku.cli``, where the script ``iku`` is not on the path."""

from iku.cli import main

main()
