"""The shared cases of ``tests/vectors/``: Python gives what every language gives."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from conftest import REPOSITORY

from headroom import compress

RECORDED = sorted((REPOSITORY / "tests" / "cases").glob("*.json"))
CASES = sorted(path.parent for path in (REPOSITORY / "tests" / "vectors").glob("*/*/input.json"))


def read(case: Path, name: str) -> Any:
    return json.loads((case / name).read_text(encoding="utf-8"))


def test_there_are_cases() -> None:
    assert len(CASES) >= 3
    assert all((case / "expected.json").is_file() for case in CASES)


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.parent.name}-{case.name}")
def test_a_case_gives_what_is_expected(case: Path) -> None:
    options = read(case, "options.json")
    model = options.pop("model", "gpt-4o")
    given = read(case, "input.json")
    result = compress(given, model=model, store=":memory:", **options)
    assert given == read(case, "input.json")
    assert {
        "tokens_before": result.tokens_before,
        "tokens_after": result.tokens_after,
        "transforms_applied": result.transforms_applied,
        "ccr_hashes": result.ccr_hashes,
        "body": result.messages,
    } == read(case, "expected.json")


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
