"""The temporary file for subjects that exceed an import's memory limit."""

import gc
import sys
from threading import Thread

import pytest

from iku.exchange.spill_file import SpillFile


def test_a_shelf_ends_quietly_whichever_thread_collects_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    unraisable: list[object] = []
    monkeypatch.setattr(sys, "unraisablehook", unraisable.append)
    shelf = SpillFile()
    shelf.put({"one": 1})
    assert shelf.get("one") == 1
    kept = [shelf]
    del shelf

    def let_go() -> None:
        kept.clear()
        gc.collect()

    thread = Thread(target=let_go)
    thread.start()
    thread.join()
    assert unraisable == []


def test_what_was_put_aside_since_a_mark_can_be_undone() -> None:
    shelf = SpillFile()
    shelf.put({"one": 1})
    shelf.put_names(["first"])
    shelf.begin_transaction()
    shelf.put({"one": 2, "two": 2})
    shelf.put_names(["second"])
    shelf.end_transaction(commit=False)
    assert (shelf.get("one"), shelf.get("two")) == (1, None)
    assert (shelf.has_name("first"), shelf.has_name("second")) == (True, False)
