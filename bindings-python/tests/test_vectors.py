"""The shared cases of ``tests/vectors/``: Python gives what every language gives."""

from __future__ import annotations

import hashlib
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from conftest import REPOSITORY

from headroom import CompressResult, compress

RECORDED = sorted((REPOSITORY / "tests" / "cases").glob("*.json"))
VECTORS = REPOSITORY / "tests" / "vectors"
CASES = {f"{path.parent.name}/{path.name}": path for path in sorted(VECTORS.glob("*/*")) if path.is_dir()}


def read(case: Path, name: str) -> Any:
    return json.loads((case / name).read_text(encoding="utf-8"))


def outcome(case: Path) -> CompressResult:
    options = read(case, "options.json")
    model = options.pop("model", "gpt-4o")
    given = read(case, "input.json")
    result = compress(given, model=model, store=":memory:", **options)
    assert given == read(case, "input.json")
    return result


def strings(value: object) -> Iterator[str]:
    """Every string value, depth first, members in code point order of their names."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, list):
        for item in value:
            yield from strings(item)
    elif isinstance(value, dict):
        for name in sorted(value):
            yield from strings(value[name])


def test_there_are_cases() -> None:
    assert len(CASES) >= 3


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_a_case_gives_what_is_expected(case: Path) -> None:
    result = outcome(case)
    assert {
        "tokens_before": result.tokens_before,
        "tokens_after": result.tokens_after,
        "transforms_applied": result.transforms_applied,
        "ccr_hashes": result.ccr_hashes,
        "body": result.messages,
    } == read(case, "expected.json")


def test_the_digest_of_all_outputs_is_the_one_of_every_language() -> None:
    digest = hashlib.sha256()
    for name in sorted(CASES, key=str.encode):
        lines = [name, *strings(outcome(CASES[name]).messages)]
        digest.update("".join(re.sub("[\ud800-\udfff]", "\ufffd", line) + "\n" for line in lines).encode())
    assert digest.hexdigest() == (VECTORS / "digest.txt").read_text(encoding="ascii").strip()


@pytest.mark.parametrize("case", RECORDED, ids=lambda case: case.stem)
def test_live_objects_and_json_bytes_give_the_same(case: Path) -> None:
    recorded = json.loads(case.read_text(encoding="utf-8"))
    given = recorded.get("messages") or recorded["payload"]
    ours = compress(given, model="gpt-4o", store=":memory:")
    command = ["-m", "headroom._command", "--store", ":memory:", "compress", "--quiet", "--model", "gpt-4o"]
    ran = subprocess.run(
        [sys.executable, *command], input=json.dumps(given), capture_output=True, text=True, timeout=120
    )
    assert ran.returncode == 0, ran.stderr
    assert ours.messages == json.loads(ran.stdout)
