"""The shared cases of ``tests/vectors/``: Python gives what every language gives."""

from __future__ import annotations

import hashlib
import json
import unittest
from pathlib import Path
from typing import Any

from headroom_uniffi import CompressOptions, Mode, compress
from support import REPOSITORY

ROOT = REPOSITORY / "tests" / "vectors"
FOLDERS = [path.parent for path in ROOT.glob("*/*/input.json")]
CASES = sorted(FOLDERS, key=lambda case: case.relative_to(ROOT).as_posix().encode())


def read(case: Path, name: str) -> str:
    return (case / name).read_text(encoding="utf-8")


def outcome(case: Path) -> dict[str, Any]:
    options = json.loads(read(case, "options.json"))
    model = options.pop("model", "gpt-4o")
    if "mode" in options:
        options["mode"] = Mode[options["mode"].upper()]
    result = compress(read(case, "input.json"), model, CompressOptions(store=":memory:", **options))
    assert result.report.error is None, result.report.error
    return {
        "tokens_before": result.tokens_before,
        "tokens_after": result.tokens_after,
        "transforms_applied": result.transforms_applied,
        "ccr_hashes": result.ccr_hashes,
        "body": json.loads(result.messages),
    }


def texts(value: Any) -> Any:
    """Every string of a value, depth first, members in the order of their names."""
    if isinstance(value, str):
        # A pair of surrogates is one character; what is left of one alone has no UTF-8.
        yield value.encode("utf-16", "surrogatepass").decode("utf-16", "replace").encode()
    elif isinstance(value, list):
        for item in value:
            yield from texts(item)
    elif isinstance(value, dict):
        for name in sorted(value):
            yield from texts(value[name])


class Vectors(unittest.TestCase):
    def test_every_case_gives_what_is_expected_and_all_together_the_digest(self) -> None:
        self.assertGreater(len(CASES), 3)
        digest = hashlib.sha256()
        for case in CASES:
            found = outcome(case)
            with self.subTest(case.relative_to(ROOT).as_posix()):
                self.assertEqual(found, json.loads(read(case, "expected.json")))
            digest.update(case.relative_to(ROOT).as_posix().encode() + b"\n")
            for text in texts(found["body"]):
                digest.update(text + b"\n")
        self.assertEqual(digest.hexdigest(), (ROOT / "digest.txt").read_text().strip())


if __name__ == "__main__":
    unittest.main()
