"""A store of flows in memory, with a clock that tests move."""

from iku.access.flows import FlowKind


class MemoryFlows:
    """A `FlowStore`.

    Attributes:
        now: The present time, in seconds.
        kept: Content and end of each flow.
    """

    def __init__(self) -> None:
        self.now = 0.0
        self.kept: dict[tuple[FlowKind, bytes], tuple[bytes, float]] = {}

    async def put(
        self, kind: FlowKind, key: bytes, content: bytes, lifetime_s: int
    ) -> None:
        assert len(key) == 32
        assert (kind, key) not in self.kept
        self.kept[kind, key] = (content, self.now + lifetime_s)

    async def take(self, kind: FlowKind, key: bytes) -> bytes | None:
        content, until = self.kept.pop((kind, key), (None, 0.0))
        return content if self.now < until else None
