"""A lying log, and a monitor that follows it."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeAlias

import pytest

from iku.ledger import policy
from iku.monitor.checkpoint_check import CheckpointRequirements
from iku.monitor.follower import MonitorRound, open_follower
from iku.monitor.log_client import LogClient
from tests.exchange import forging
from tests.monitor.lying_log import KEY, LyingLog, lying_log

Follow: TypeAlias = Callable[..., MonitorRound]


@pytest.fixture
def log() -> Iterator[LyingLog]:
    with lying_log() as log:
        yield log


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "monitor"


@pytest.fixture
def follow(log: LyingLog, folder: Path) -> Follow:
    """A round of a monitor that is started for it."""

    def follow(
        *, full: bool = False, keep_going: bool = False, **demands: Any
    ) -> MonitorRound:
        trusted = demands.pop("policy", None) or forging.policy(KEY)
        demanded = CheckpointRequirements(policy.parse(trusted.encode()), **demands)
        client = LogClient(log.url, timeout_s=5)
        with open_follower(client, demanded, folder, keep_going=keep_going) as follower:
            return follower.round(full=full)

    return follow


def kinds(found: MonitorRound) -> list[str]:
    """The kinds of what a round found."""
    return [one.kind.value for one in found.findings]
