"""A checkpoint has three lines, each with one encoding."""

import pytest

from iku.ledger import checkpoint
from iku.ledger.checkpoint import Checkpoint
from iku.ledger.note import Malformed
from iku.ledger.tree import EMPTY_ROOT

ROOT = bytes(range(32))
SPELT = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="


def test_a_checkpoint_is_written_and_read() -> None:
    text = f"iku.test/log\n120\n{SPELT}\n"
    assert Checkpoint("iku.test/log", 120, ROOT).text == text
    assert checkpoint.parse(text) == Checkpoint("iku.test/log", 120, ROOT)
    empty = Checkpoint("iku.test/log", 0, EMPTY_ROOT)
    assert checkpoint.parse(empty.text) == empty


def test_lines_that_others_add_are_kept() -> None:
    text = f"iku.test/log\n120\n{SPELT}\nmore\nand more\n"
    found = checkpoint.parse(text)
    assert found.extension == ("more", "and more")
    assert found.text == text


@pytest.mark.parametrize(
    "text",
    [
        "",
        "\n",
        f"log\n1\n{SPELT}",
        f"log\n1\n{SPELT}\n\n",
        f"\n1\n{SPELT}\n",
        f"log\n{SPELT}\n",
        f"log\n01\n{SPELT}\n",
        f"log\n-1\n{SPELT}\n",
        f"log\n+1\n{SPELT}\n",
        f"log\n1.0\n{SPELT}\n",
        f"log\n٣\n{SPELT}\n",
        f"log\n \n{SPELT}\n",
        f"log\n9223372036854775808\n{SPELT}\n",
        f"log\n1\n{SPELT[:-1]}\n",
        f"log\n1\n{SPELT[:-2]}9=\n",
        "log\n1\nAAAA\n",
        "log\n1\n*\n",
        "log\n1\n" + "A" * 44 + "\n",
    ],
)
def test_what_is_no_checkpoint_is_refused(text: str) -> None:
    with pytest.raises(Malformed):
        checkpoint.parse(text)
