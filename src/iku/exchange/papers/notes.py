"""Numbered notes of a table, each printed once."""


class Notes:
    """The notes of a table, in the order in which they are first referred to."""

    def __init__(self) -> None:
        self._texts: list[str] = []

    def mark(self, *texts: str) -> str:
        """The marks that refer to *texts*, such as ``1) 3)``."""
        for text in texts:
            if text not in self._texts:
                self._texts.append(text)
        return " ".join(f"{self._texts.index(text) + 1})" for text in texts)

    @property
    def texts(self) -> tuple[str, ...]:
        """The notes, numbered from 1."""
        return tuple(self._texts)
