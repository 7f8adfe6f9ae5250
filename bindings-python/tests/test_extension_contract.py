"""The promises of ``tests/extensions/README.md``, in Python."""

from __future__ import annotations

import asyncio
import concurrent.futures
import copy
import dataclasses
import inspect
import threading
import time
from typing import Any

import pytest
from conftest import log_conversation, make_conversation

from headroom import (
    ExtensionError,
    PipelineEvent,
    PipelineExtensionManager,
    PipelineStage,
    acompress,
    compress,
    retrieve,
)

COMPRESS_STAGES = ["input_received", "input_routed", "input_compressed"]


def extension(on_pipeline_event: Any, name: str = "Mine", **declared: Any) -> Any:
    """An extension made of a function."""
    return type(name, (), {"on_pipeline_event": staticmethod(on_pipeline_event), **declared})()


def outcomes(result: Any, name: str = "Mine") -> dict[str, str]:
    return {call["stage"]: call["outcome"] for call in result.report["extensions"] if call["extension"] == name}


def test_happy_path(conversation: list[dict[str, Any]]) -> None:
    seen: list[PipelineEvent] = []

    def look(event: PipelineEvent) -> None:
        seen.append(copy.copy(event))
        event.metadata.setdefault("trail", []).append(event.stage.value)

    result = compress(conversation, model="gpt-4o", extensions=[extension(look)], session_id="s1")
    assert [event.stage.value for event in seen] == COMPRESS_STAGES
    assert len({event.request_id for event in seen}) == 1 and seen[0].request_id == result.report["request_id"]
    assert {(event.operation, event.provider, event.model) for event in seen} == {("compress", "openai", "gpt-4o")}
    assert seen[0].messages == conversation
    assert seen[0].metadata["session_id"] == "s1"
    assert seen[1].metadata["routes"][0]["transform"] == "json_table"
    compressed = seen[2]
    assert compressed.messages == result.messages
    assert compressed.metadata["original_messages"] == conversation
    assert compressed.metadata["tokens_after"] == result.tokens_after
    assert compressed.metadata["transforms_applied"] == result.transforms_applied
    assert compressed.metadata["trail"] == COMPRESS_STAGES[:3]
    assert set(outcomes(result).values()) == {"changed"}


def test_throws(conversation: list[dict[str, Any]], caplog: pytest.LogCaptureFixture) -> None:
    ran: list[str] = []

    def broken(event: PipelineEvent) -> None:
        event.messages.clear()
        event.metadata["half"] = True
        raise RuntimeError("broken")

    def look(event: PipelineEvent) -> None:
        ran.append(event.stage.value)
        assert "half" not in event.metadata
        assert len(event.messages) == 4

    without = compress(conversation, model="gpt-4o")
    result = compress(conversation, model="gpt-4o", extensions=[extension(broken, "Broken"), extension(look)])
    assert ran == COMPRESS_STAGES
    assert result.messages == without.messages
    assert set(outcomes(result, "Broken").values()) == {"failed_open"}
    warnings = [record.getMessage() for record in caplog.records if record.name == "headroom.pipeline"]
    assert len(warnings) == 3
    assert all("Broken" in text and "RuntimeError: broken" in text for text in warnings)
    assert "input_received" in warnings[0]

    closed = extension(broken, "Guard", failure_policy="closed", stages=["input_compressed"])
    with pytest.raises(
        ExtensionError, match="extension Guard failed at input_compressed: RuntimeError: broken"
    ) as caught:
        compress(conversation, extensions=closed)
    assert isinstance(caught.value.__cause__, RuntimeError)
    with pytest.raises(ExtensionError) as caught:
        asyncio.run(acompress(conversation, extensions=closed))
    assert isinstance(caught.value.__cause__, RuntimeError)


def test_wrong_return_type(conversation: list[dict[str, Any]], caplog: pytest.LogCaptureFixture) -> None:
    result = compress(
        conversation, extensions=extension(lambda event: {"stage": event.stage}, stages=["input_received"])
    )
    assert result.compressed
    assert outcomes(result) == {"input_received": "ran"}
    (record,) = [record for record in caplog.records if record.name == "headroom.pipeline"]
    assert "Mine" in record.getMessage() and "dict" in record.getMessage()

    wrong = [
        (lambda event: PipelineEvent(PipelineStage.PRE_SEND, event.operation), "pre_send"),
        (lambda event: PipelineEvent(PipelineStage.RESPONSE_RECEIVED, event.operation), "response"),
        (lambda event: PipelineEvent("later", event.operation), "later"),  # type: ignore[arg-type]
    ]
    for returned, named in wrong:
        caplog.clear()
        assert compress(conversation, extensions=extension(returned, stages=["input_received"])).compressed
        assert any(named in record.getMessage() for record in caplog.records), named


def test_changes_in_place(conversation: list[dict[str, Any]], caplog: pytest.LogCaptureFixture) -> None:
    before = copy.deepcopy(conversation)

    def shout(event: PipelineEvent) -> None:
        event.messages[1]["content"] = event.messages[1]["content"].upper()

    result = compress(conversation, model="gpt-4o", extensions=extension(shout, stages=["input_received"]))
    assert conversation == before
    assert result.messages[1]["content"] == "WHICH SERVICE IS SLOW?"
    assert result.messages[0] is conversation[0] and result.messages[2] is conversation[2]
    assert result.messages[3] is not conversation[3]
    assert outcomes(result) == {"input_received": "changed"}

    touched = compress(conversation, extensions=extension(lambda event: len(event.messages), stages=["input_received"]))
    assert outcomes(touched) == {"input_received": "ran"}
    assert all(now is was for now, was in zip(touched.messages[:3], conversation[:3]))

    def revert(event: PipelineEvent) -> None:
        event.messages[3] = event.metadata["original_messages"][3]

    reverted = compress(conversation, extensions=extension(revert, stages=["input_compressed"]))
    assert reverted.messages == conversation
    assert reverted.messages[3] is not None and reverted.tokens_after == reverted.tokens_before

    caplog.clear()

    def forbidden(event: PipelineEvent) -> None:
        event.messages[0]["content"] = "changed"

    kept = compress(conversation, extensions=extension(forbidden, stages=["input_routed"]))
    assert kept.messages[0] is conversation[0]
    assert any("messages cannot be changed at input_routed" in record.getMessage() for record in caplog.records)


def test_replaces(conversation: list[dict[str, Any]]) -> None:
    later: list[PipelineEvent] = []
    shorter = [{"role": "user", "content": "only this"}]

    def replace(event: PipelineEvent) -> PipelineEvent:
        return PipelineEvent(event.stage, event.operation, messages=shorter, metadata={"by": "replace"})

    def look(event: PipelineEvent) -> None:
        later.append(copy.copy(event))

    extensions = [extension(replace, "Replace", stages=["input_received"]), extension(look)]
    result = compress(conversation, session_id="s", extensions=extensions)
    assert result.messages == shorter
    assert [event.messages for event in later] == [shorter] * 3
    assert later[0].metadata == {"session_id": "s", "by": "replace"}

    unchanged = extension(lambda event: PipelineEvent(event.stage, event.operation), stages=["input_received"])
    result = compress(conversation, extensions=unchanged)
    assert result.messages[0] is conversation[0] and outcomes(result) == {"input_received": "ran"}
    same = extension(lambda event: event)
    assert set(outcomes(compress(conversation, extensions=same)).values()) == {"ran"}
    biased = extension(lambda event: event.metadata.update(biases={3: 2.0}), stages=["input_routed"])
    assert compress(conversation, extensions=biased).report["prefix_changed_at"] == 3


def test_answers_early(conversation: list[dict[str, Any]]) -> None:
    answer = PipelineEvent(PipelineStage.RESPONSE_RECEIVED, "compress", response={"text": "cached"})
    seen: list[str] = []
    extensions = [
        extension(lambda event: answer, "Cache", stages=["input_received"]),
        extension(lambda event: seen.append(event.stage.value)),
    ]
    result = compress(conversation, extensions=extensions)
    assert result.response == {"text": "cached"}
    assert result.messages == conversation and all(now is was for now, was in zip(result.messages, conversation))
    assert not result.compressed
    assert "input_routed" not in seen and "input_compressed" not in seen
    assert outcomes(result, "Cache") == {"input_received": "answered"}

    def in_place(event: PipelineEvent) -> PipelineEvent:
        event.stage = PipelineStage.RESPONSE_RECEIVED
        event.response = "in place"
        return event

    assert compress(conversation, extensions=extension(in_place, stages=["input_received"])).response == "in place"


def test_never_answers(conversation: list[dict[str, Any]], caplog: pytest.LogCaptureFixture) -> None:
    cancelled = threading.Event()
    release = threading.Event()

    async def coroutine(event: PipelineEvent) -> None:
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            cancelled.set()
            raise

    late: list[Any] = []

    def blocking(event: PipelineEvent) -> None:
        release.wait(60)
        event.messages.clear()
        late.append(event)

    def limited(function: Any) -> Any:
        return extension(function, timeout_ms=40, stages=["input_received"])

    started = time.monotonic()
    assert outcomes(compress(conversation, extensions=limited(coroutine))) == {"input_received": "timed_out"}
    assert cancelled.wait(10)
    result = compress(conversation, extensions=limited(blocking))
    assert outcomes(result) == {"input_received": "timed_out"} and result.compressed
    assert time.monotonic() - started < 20
    assert "no answer within 40 ms" in caplog.text
    release.set()
    while not late:
        time.sleep(0.01)
    assert len(result.messages) == 4 and len(conversation) == 4

    cancelled.clear()
    result = asyncio.run(acompress(conversation, extensions=limited(coroutine)))
    assert outcomes(result) == {"input_received": "timed_out"}
    assert cancelled.wait(10)

    calls: list[int] = []
    silent = PipelineExtensionManager(
        extensions=[extension(lambda event: calls.append(1) or time.sleep(0.2), timeout_ms=1)], discover=False
    )
    for _ in range(8):
        silent.emit("setup", operation="x")
    assert len(calls) == 5, "the breaker is open after five"
    guard = extension(coroutine, "Guard", timeout_ms=20, failure_policy="closed")
    with pytest.raises(ExtensionError, match="Guard failed at input_received: no answer within 20 ms"):
        compress(conversation, extensions=guard)


def test_many_threads() -> None:
    def nested(event: PipelineEvent) -> None:
        event.metadata["mine"] = event.messages[1]["content"]
        inner = compress(log_conversation(400), model="gpt-4o")
        assert retrieve(inner.ccr_hashes[0])

    async def anested(event: PipelineEvent) -> None:
        assert event.metadata["mine"] == event.messages[1]["content"]
        # Blocks the loop thread of the package, whose coroutines then need another one.
        compress(make_conversation(40), extensions=extension(quick))
        await acompress(make_conversation(40), extensions=extension(quick))

    async def quick(event: PipelineEvent) -> None:
        await asyncio.sleep(0)

    extensions = [
        extension(nested, "Nested", stages=["input_received"]),
        extension(anested, "Async", stages=["input_received"]),
    ]

    def one(number: int) -> None:
        messages = make_conversation(60)
        messages[1]["content"] = f"question {number}"
        result = compress(messages, model="gpt-4o", extensions=extensions)
        assert result.messages[1] is messages[1] and result.compressed
        assert outcomes(result, "Nested") == {"input_received": "changed"}
        assert outcomes(result, "Async") == {"input_received": "ran"}

    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        for done in [pool.submit(one, number) for number in range(40)]:
            done.result(timeout=240)

    async def many() -> None:
        async def aone(number: int) -> None:
            messages = make_conversation(60)
            messages[1]["content"] = f"question {number}"
            result = await acompress(messages, model="gpt-4o", extensions=extensions)
            assert outcomes(result, "Async") == {"input_received": "ran"}

        await asyncio.gather(*(aone(number) for number in range(30)))

    asyncio.run(asyncio.wait_for(many(), 240))


def test_dropped_midway(conversation: list[dict[str, Any]]) -> None:
    began, ended = threading.Event(), threading.Event()

    async def sleepy(event: PipelineEvent) -> None:
        began.set()
        try:
            await asyncio.sleep(60)
        finally:
            ended.set()

    async def main() -> None:
        task = asyncio.create_task(acompress(conversation, extensions=extension(sleepy)))
        while not began.is_set():
            await asyncio.sleep(0.005)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        with pytest.raises(asyncio.TimeoutError):
            began.clear()
            await asyncio.wait_for(acompress(conversation, extensions=extension(sleepy)), 0.05)
        for _ in range(1000):
            if ended.is_set() and not any(thread.name == "headroom-worker" for thread in threading.enumerate()):
                break
            await asyncio.sleep(0.01)
        assert ended.is_set()
        assert not any(thread.name == "headroom-worker" for thread in threading.enumerate())

    asyncio.run(main())


def test_filtered_out(conversation: list[dict[str, Any]]) -> None:
    def calls(**declared: Any) -> list[str]:
        seen: list[str] = []
        filtered = extension(lambda event: seen.append(event.stage.value), **declared)
        result = compress(conversation, model="gpt-4o", extensions=filtered)
        recorded = outcomes(result)
        assert all(outcome in ("ran", "filtered") for outcome in recorded.values())
        assert [stage for stage, outcome in recorded.items() if outcome == "ran"] == seen
        return seen

    assert calls(stages=[PipelineStage.INPUT_ROUTED, "pre_send"]) == ["input_routed"]
    assert calls(filter={"providers": ["anthropic"]}) == []
    assert calls(filter={"providers": ["openai"], "models": ["gpt-*"], "operations": ["compress"]}) == COMPRESS_STAGES
    assert calls(filter={"models": ["claude-*"]}) == []
    assert calls(filter={"operations": ["sdk.request"]}) == []
    assert calls(filter={"tools": ["list_*"]}) == COMPRESS_STAGES
    assert calls(filter={"tools": ["other"]}) == []
    assert "input_compressed" not in calls(filter={"min_tokens": 10**6})
    assert "input_compressed" in calls(filter={"min_tokens": 10})


def test_names_and_metadata_that_cannot_be_taken_are_told(
    conversation: list[dict[str, Any]], caplog: pytest.LogCaptureFixture
) -> None:
    def renamed(event: PipelineEvent) -> PipelineEvent:
        return dataclasses.replace(event, model="other", provider="other")

    compress(conversation, model="gpt-4o", extensions=extension(renamed, stages=["input_received"]))
    assert "provider, model cannot be changed at input_received" in caplog.text
    caplog.clear()
    same = extension(lambda event: dataclasses.replace(event), stages=["input_received"])
    result = compress(conversation, extensions=same)
    assert caplog.text == "" and outcomes(result) == {"input_received": "ran"}

    def in_place(event: PipelineEvent) -> None:
        event.metadata = 5  # type: ignore[assignment]

    def returned(event: PipelineEvent) -> PipelineEvent:
        return PipelineEvent(event.stage, event.operation, metadata=[1])  # type: ignore[arg-type]

    for function, found in ((in_place, "int"), (returned, "list")):
        caplog.clear()
        compress(conversation, extensions=extension(function, stages=["input_received"]))
        assert f"metadata at input_received: expected a dict, found {found}; it is ignored" in caplog.text


def test_a_coroutine_that_comes_after_the_time_limit_does_not_run(conversation: list[dict[str, Any]]) -> None:
    release = threading.Event()
    made: list[Any] = []
    ran: list[int] = []

    async def work() -> None:
        ran.append(1)

    def late(event: PipelineEvent) -> Any:
        release.wait(60)
        made.append(work())
        return made[0]

    limited = extension(late, timeout_ms=30, stages=["input_received"])

    async def main() -> Any:
        result = await acompress(conversation, extensions=limited)
        release.set()
        await asyncio.sleep(0.1)
        return result

    for call in (lambda: compress(conversation, extensions=limited), lambda: asyncio.run(main())):
        release.clear()
        made.clear()
        assert outcomes(call()) == {"input_received": "timed_out"}
        release.set()
        until = time.monotonic() + 10
        while time.monotonic() < until and not (made and inspect.getcoroutinestate(made[0]) == inspect.CORO_CLOSED):
            time.sleep(0.01)
        assert inspect.getcoroutinestate(made[0]) == inspect.CORO_CLOSED
    assert ran == []
