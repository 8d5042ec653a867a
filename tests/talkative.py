"""`iku` with every logger at DEBUG, on standard error."""

import logging

from iku.cli import main

if __name__ == "__main__":
    logging.basicConfig(level=logging.DEBUG)
    main()
