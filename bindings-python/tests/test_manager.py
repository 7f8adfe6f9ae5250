"""``PipelineExtensionManager`` called directly, and what a reader of the documentation types first."""

from __future__ import annotations

import asyncio
import contextvars
import logging
import threading
import time
from typing import Any

import pytest

from headroom import (
    CompressionHooks,
    ConfigurationError,
    ExtensionError,
    PipelineEvent,
    PipelineExtensionManager,
    PipelineStage,
    compress,
    pipeline,
)


class Log:
    """Keeps a list of what it saw."""

    def __init__(self) -> None:
        self.seen: list[PipelineEvent] = []

    def on_pipeline_event(self, event: PipelineEvent) -> None:
        self.seen.append(event)


class LogInputExtension:
    """Logs at one stage."""

    def on_pipeline_event(self, event: PipelineEvent) -> None:
        if event.stage is PipelineStage.INPUT_RECEIVED:
            logging.getLogger("mine").info("received %d messages", len(event.messages))


class InjectHeader:
    """Adds a header in place."""

    def on_pipeline_event(self, event: PipelineEvent) -> None:
        if event.stage == PipelineStage.PRE_SEND:
            event.headers["x-team"] = "search"


class CacheExtension:
    """Answers what it knows."""

    def __init__(self, answer: Any) -> None:
        self.answer = answer

    def on_pipeline_event(self, event: PipelineEvent) -> PipelineEvent | None:
        if event.stage is not PipelineStage.INPUT_RECEIVED:
            return None
        return PipelineEvent(
            stage=PipelineStage.RESPONSE_RECEIVED,
            operation=event.operation,
            response=self.answer,
            metadata={"hit": True},
        )


class Broken:
    """Raises."""

    def on_pipeline_event(self, event: PipelineEvent) -> None:
        raise ValueError("boom")


def manager(*extensions: Any, **options: Any) -> PipelineExtensionManager:
    return PipelineExtensionManager(extensions=list(extensions), discover=False, **options)


def test_a_logging_extension_sees_the_input(
    conversation: list[dict[str, Any]], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "mine")
    compress(conversation, extensions=[LogInputExtension()])
    assert caplog.messages == ["received 4 messages"]


def test_a_header_is_injected_in_place() -> None:
    headers: dict[str, str] = {}
    event = manager(InjectHeader()).emit(PipelineStage.PRE_SEND, operation="sdk.request", headers=headers)
    assert event.headers is headers and headers == {"x-team": "search"}


def test_a_cache_answers_early(conversation: list[dict[str, Any]]) -> None:
    event = manager(CacheExtension("cached")).emit(PipelineStage.INPUT_RECEIVED, operation="sdk.request")
    assert (event.stage, event.response) == (PipelineStage.RESPONSE_RECEIVED, "cached")
    result = compress(conversation, extensions=CacheExtension({"text": "cached"}))
    assert result.response == {"text": "cached"}
    assert not result.compressed and result.messages == conversation
    calls = [(call["stage"], call["outcome"]) for call in result.report["extensions"]]
    assert calls == [("input_received", "answered"), ("response_received", "ran")]


def test_a_raising_extension_is_logged_and_the_others_run(caplog: pytest.LogCaptureFixture) -> None:
    log = Log()
    manager(Broken(), log).emit(PipelineStage.PRE_SEND, operation="x")
    assert len(log.seen) == 1
    (record,) = caplog.records
    assert (record.name, record.levelname) == ("headroom.pipeline", "WARNING")
    assert all(part in record.getMessage() for part in ("Broken", "pre_send", "ValueError: boom"))


def test_hooks_may_be_one_object_or_a_list_and_run_first() -> None:
    order: list[str] = []

    class Named:
        def __init__(self, name: str) -> None:
            self.name = name

        def on_pipeline_event(self, event: PipelineEvent) -> None:
            order.append(self.name)

    for hooks in (Named("hook"), [Named("hook")], (Named("hook"),)):
        order.clear()
        PipelineExtensionManager(hooks=hooks, extensions=[Named("extension")], discover=False).emit(
            "setup", operation="x"
        )
        assert order == ["hook", "extension"]


def test_enabled_tells_whether_there_is_anything_to_call() -> None:
    assert not manager().enabled
    assert not manager(object(), None, CompressionHooks()).enabled
    assert manager(Log()).enabled
    event = manager().emit("pre_send", operation="x", request_id="r", messages=[1])
    assert (event.stage, event.request_id, event.messages) == (PipelineStage.PRE_SEND, "r", [1])


def test_the_given_objects_themselves_are_handed_over_and_come_back() -> None:
    log = Log()
    given: dict[str, Any] = {
        "messages": [{}],
        "tools": [],
        "headers": {},
        "payload": {},
        "response": object(),
        "metadata": {},
    }
    event = manager(log).emit(PipelineStage.RESPONSE_RECEIVED, operation="x", **given)
    assert event is log.seen[0]
    assert all(getattr(event, name) is value for name, value in given.items())


def test_the_last_event_is_returned_as_it_is_and_every_extension_runs() -> None:
    replaced = PipelineEvent(stage=PipelineStage.RESPONSE_RECEIVED, operation="other", response="r")

    class Replace:
        def on_pipeline_event(self, event: PipelineEvent) -> PipelineEvent:
            return replaced

    log = Log()
    assert manager(Replace(), log).emit("input_received", operation="x") is replaced
    assert log.seen == [replaced]


def test_a_manager_discovers_by_the_function_in_the_module(monkeypatch: pytest.MonkeyPatch) -> None:
    log = Log()
    monkeypatch.setattr(pipeline, "discover_pipeline_extensions", lambda: [log])
    PipelineExtensionManager().emit("setup", operation="x")
    assert len(log.seen) == 1
    compress([{"role": "user", "content": "hi"}])
    assert [event.stage.value for event in log.seen[1:]] == ["input_received", "input_routed", "input_compressed"]
    assert not PipelineExtensionManager(discover=False).enabled


def test_coroutines_of_blocked_callers_run_on_one_loop_thread_of_the_package() -> None:
    threads: set[threading.Thread] = set()
    color = contextvars.ContextVar("color", default="none")
    colors: list[str] = []

    class Async:
        async def on_pipeline_event(self, event: PipelineEvent) -> None:
            await asyncio.sleep(0)
            threads.add(threading.current_thread())
            colors.append(color.get())
            event.metadata["done"] = True

    color.set("red")
    for _ in range(3):
        assert manager(Async()).emit("setup", operation="x").metadata == {"done": True}
    assert len(threads) == 1 and threads != {threading.current_thread()}
    assert colors == ["red"] * 3


def test_aemit_runs_everything_on_the_loop_of_the_task() -> None:
    color = contextvars.ContextVar("color", default="none")

    class Async:
        async def on_pipeline_event(self, event: PipelineEvent) -> None:
            event.metadata["async"] = (threading.current_thread(), asyncio.get_running_loop(), color.get())

    class Plain:
        def on_pipeline_event(self, event: PipelineEvent) -> None:
            event.metadata["plain"] = (threading.current_thread(), asyncio.get_running_loop(), color.get())

    async def main() -> None:
        color.set("blue")
        event = await manager(Async(), Plain()).aemit(PipelineStage.SETUP, operation="x")
        here = (threading.current_thread(), asyncio.get_running_loop(), "blue")
        assert event.metadata == {"async": here, "plain": here}

    asyncio.run(main())


def test_order_follows_priority_and_before_and_after() -> None:
    order: list[str] = []

    def named(name: str, **declared: Any) -> Any:
        body = {"on_pipeline_event": lambda self, event: order.append(name), **declared}
        return type(name, (), body)()

    made = manager(named("A"), named("B", priority=-1), named("C", before=["A"]), named("D", after=["E"]), named("E"))
    made.emit("setup", operation="x")
    assert order == list(made.names)
    assert order.index("B") == 0
    assert order.index("C") < order.index("A") and order.index("E") < order.index("D")
    with pytest.raises(ConfigurationError, match="cycle among X, Y"):
        manager(named("X", before=["Y"]), named("Y", before=["X"]))


@pytest.mark.parametrize(
    ("declared", "message"),
    [
        ({"stages": ["presend"]}, r"extension Bad: stages: expected a list of stages, found 'presend'"),
        ({"stages": "pre_send"}, r"extension Bad: stages: expected a list of stages, found 'pre_send'"),
        ({"filter": []}, r"extension Bad: filter: expected a dict"),
        ({"filter": {"modles": []}}, r"extension Bad: filter: expected a dict with .*models.*, found 'modles'"),
        ({"filter": {"models": "gpt"}}, r"extension Bad: filter.models: expected a list of strings, found 'gpt'"),
        ({"filter": {"models": ["[a"]}}, r"filter.models: expected a glob"),
        (
            {"filter": {"min_tokens": -1}},
            r"extension Bad: filter.min_tokens: expected a number of tokens from 0, found -1",
        ),
        ({"priority": "high"}, r"extension Bad: priority: expected an integer, found 'high'"),
        ({"priority": True}, r"extension Bad: priority: expected an integer, found True"),
        ({"priority": 2**70}, r"extension Bad: priority: expected an integer of at most 64 bits"),
        ({"before": 3}, r"extension Bad: before: expected a list of strings, found 3"),
        ({"timeout_ms": 0}, r"extension Bad: timeout_ms: expected a number of milliseconds above 0, found 0"),
        (
            {"timeout_ms": float("nan")},
            r"extension Bad: timeout_ms: expected a number of milliseconds above 0, found nan",
        ),
        ({"failure_policy": "ajar"}, r'extension Bad: failure_policy: expected "open" or "closed", found \'ajar\''),
    ],
)
def test_declarations_that_cannot_be_read_are_named(declared: dict[str, Any], message: str) -> None:
    bad = type("Bad", (), {"on_pipeline_event": lambda self, event: None, **declared})()
    with pytest.raises(ConfigurationError, match=message):
        manager(bad)


def test_objects_that_make_up_attributes_declare_nothing() -> None:
    from unittest.mock import AsyncMock, MagicMock

    mock = MagicMock()
    mock.on_pipeline_event.return_value = None
    manager(mock).emit("setup", operation="x")
    mock.on_pipeline_event.assert_called_once()
    coroutine = AsyncMock()
    coroutine.on_pipeline_event.return_value = None
    manager(coroutine).emit("setup", operation="x")
    coroutine.on_pipeline_event.assert_awaited_once()


def test_an_unknown_stage_is_named() -> None:
    with pytest.raises(ConfigurationError, match='stage: expected a PipelineStage or one of setup, .*, found "later"'):
        manager(Log()).emit("later", operation="x")
    with pytest.raises(ConfigurationError, match="found int"):
        manager(Log()).emit(3, operation="x")


def test_interrupts_reach_the_caller() -> None:
    class Interrupt:
        def __init__(self, raised: BaseException) -> None:
            self.raised = raised

        def on_pipeline_event(self, event: PipelineEvent) -> None:
            raise self.raised

    class AsyncInterrupt(Interrupt):
        async def on_pipeline_event(self, event: PipelineEvent) -> None:
            raise self.raised

    for raised in (KeyboardInterrupt(), SystemExit(3)):
        for kind in (Interrupt, AsyncInterrupt):
            with pytest.raises(type(raised)):
                manager(kind(raised)).emit("setup", operation="x")
    log = Log()
    manager(AsyncInterrupt(ValueError()), log).emit("setup", operation="x")
    assert len(log.seen) == 1, "the loop thread still answers"


def test_ctrl_c_ends_the_wait_for_a_coroutine() -> None:
    import _thread

    class Sleepy:
        cancelled = threading.Event()

        async def on_pipeline_event(self, event: PipelineEvent) -> None:
            threading.Timer(0.05, _thread.interrupt_main).start()
            try:
                await asyncio.sleep(60)
            finally:
                self.cancelled.set()

    started = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        manager(Sleepy()).emit("setup", operation="x")
    assert time.monotonic() - started < 10
    assert Sleepy.cancelled.wait(10)


def test_a_closed_extension_refuses_with_its_own_exception_as_cause() -> None:
    class Guard(Broken):
        failure_policy = "closed"

    with pytest.raises(ExtensionError) as caught:
        manager(Guard()).emit("pre_send", operation="x")
    assert isinstance(caught.value.__cause__, ValueError)
    assert caught.value.code == "extension"
    assert caught.value.details == {"extension": "Guard", "stage": "pre_send"}


def test_extensions_may_come_in_any_iterable(conversation: list[dict[str, Any]]) -> None:
    class Guard(Broken):
        failure_policy = "closed"

    guard = Guard()
    for given in ({guard}, frozenset([guard]), (one for one in [guard]), {"guard": guard}.values(), iter([guard])):
        with pytest.raises(ExtensionError):
            compress(conversation, extensions=given)
    for hooks in ({guard}, (one for one in [guard])):
        with pytest.raises(ExtensionError):
            compress(conversation, hooks=hooks)

    class Iterable(Log):
        def __iter__(self) -> Any:
            raise AssertionError("an extension that can be iterated is one extension")

    assert manager(Iterable()).names == PipelineExtensionManager(extensions=Iterable(), discover=False).names
    with pytest.raises(ConfigurationError, match="hooks and extensions: expected objects, found a dict"):
        compress(conversation, extensions={"guard": guard})


def test_hooks_of_a_generator_are_all_called(conversation: list[dict[str, Any]]) -> None:
    called: list[str] = []

    class Hook(CompressionHooks):
        def pre_compress(self, messages: Any, ctx: Any) -> Any:
            called.append("pre_compress")
            return messages

        def on_pipeline_event(self, event: PipelineEvent) -> None:
            called.append(event.stage.value)

    compress(conversation, hooks=(hook for hook in [Hook()]))
    assert called == ["input_received", "pre_compress", "input_routed", "input_compressed"]


def test_what_is_no_extension_is_skipped_with_a_warning(caplog: pytest.LogCaptureFixture) -> None:
    class Uncallable:
        on_pipeline_event = 3

    class OnlyHooks:
        def post_compress(self, event: Any) -> None: ...

    compress([], extensions=[object(), Uncallable(), Log()], hooks=OnlyHooks())
    texts = [record.getMessage() for record in caplog.records if record.name == "headroom.pipeline"]
    assert len(texts) == 2
    assert all("expected objects with a callable on_pipeline_event, found" in text for text in texts)
    assert "object" in texts[0] and "Uncallable" in texts[1]


def test_a_bad_extension_of_an_installed_package_is_skipped(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, conversation: list[dict[str, Any]]
) -> None:
    class Unreadable:
        @property
        def on_pipeline_event(self) -> Any:
            raise ValueError("cannot be read")

    def bad(name: str, **declared: Any) -> Any:
        return type(name, (Log,), declared)()

    log = Log()
    found = [
        bad("Late", stages=["presend"]),
        bad("Globbed", filter={"models": ["[a"]}),
        Unreadable(),
        object(),
        bad("First", before=["Second"]),
        log,
        bad("Second", before=["First"]),
    ]
    monkeypatch.setattr(pipeline, "discover_pipeline_extensions", lambda: found)
    for _ in range(2):
        assert compress(conversation).compressed
        assert compress(conversation, extensions=[Log()]).compressed
    assert [event.stage.value for event in log.seen] == ["input_received", "input_routed", "input_compressed"] * 4
    texts = [record.getMessage() for record in caplog.records if record.name == "headroom.pipeline"]
    assert [text.split(" ")[2] for text in texts] == ["Late", "Globbed", "Unreadable", "object", "Second"]
    assert sorted(PipelineExtensionManager().names) == ["First", "Log"]
    with pytest.raises(ConfigurationError, match="stages"):
        compress(conversation, extensions=found[0])


def test_what_cannot_be_read_of_an_extension_is_named() -> None:
    def raise_it(self: Any) -> Any:
        raise ValueError("boom")

    for name in ("on_pipeline_event", "stages", "filter"):
        made = type("Mine", (Log,), {name: property(raise_it)})()
        with pytest.raises(ConfigurationError, match=f"extension Mine: {name}: cannot be read: ValueError: boom") as it:
            manager(made)
        assert isinstance(it.value.__cause__, ValueError)
