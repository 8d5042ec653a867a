"""``python -m iku.cli``, for where the script ``iku`` is not on the path."""

from iku.cli import main

main()
