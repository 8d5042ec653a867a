"""The mark of the template for entries, by which its version is recognised."""

GUIDE = "Petunjuk"  # the sheet whose first cell has the mark
MARK_PREFIX = "iku templat "
MARK = f"{MARK_PREFIX}1"
