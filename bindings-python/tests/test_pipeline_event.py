"""Stages and events as Python objects."""

from __future__ import annotations

import copy
import dataclasses
import pickle
from typing import Any

import pytest

import headroom
from headroom import CANONICAL_PIPELINE_STAGES, PipelineEvent, PipelineExtensionManager, PipelineStage, _core
from headroom.pipeline import ENTRY_POINT_GROUP, PipelineExtension, summarize_routing_markers

NAMES = (
    "setup pre_start post_start input_received input_cached input_routed input_compressed input_remembered pre_send "
    "post_send response_received"
).split()


def test_the_stages_are_the_engines_in_order() -> None:
    assert [stage.value for stage in CANONICAL_PIPELINE_STAGES] == NAMES == list(_core.STAGES)
    assert [stage.name for stage in PipelineStage] == [name.upper() for name in NAMES]
    assert isinstance(CANONICAL_PIPELINE_STAGES, tuple)
    assert PipelineStage("pre_send") is PipelineStage.PRE_SEND
    assert PipelineStage.PRE_SEND == "pre_send"
    assert isinstance(PipelineStage.PRE_SEND, str)
    assert pickle.loads(pickle.dumps(PipelineStage.PRE_SEND)) is PipelineStage.PRE_SEND
    assert ENTRY_POINT_GROUP == "headroom.pipeline_extension"


def test_what_type_checkers_read_is_what_the_engine_has() -> None:
    import ast
    import inspect

    from headroom import pipeline

    (declared,) = [
        node
        for node in ast.walk(ast.parse(inspect.getsource(pipeline)))
        if isinstance(node, ast.ClassDef) and node.name == "PipelineStage"
    ]
    members = {
        node.targets[0].id: node.value.value  # type: ignore[attr-defined]
        for node in declared.body
        if isinstance(node, ast.Assign)
    }
    assert members == {name.upper(): name for name in _core.STAGES}


def test_an_event_has_its_defaults() -> None:
    event = PipelineEvent(stage=PipelineStage.SETUP, operation="compress")
    assert dataclasses.asdict(event) == {
        "stage": PipelineStage.SETUP,
        "operation": "compress",
        "request_id": "",
        "provider": "",
        "model": "",
        "messages": None,
        "tools": None,
        "headers": None,
        "payload": None,
        "response": None,
        "metadata": {},
    }
    assert PipelineEvent(stage=PipelineStage.SETUP, operation="x").metadata is not event.metadata


def full_event() -> PipelineEvent:
    return PipelineEvent(
        stage=PipelineStage.PRE_SEND,
        operation="sdk.request",
        request_id="r",
        provider="openai",
        model="gpt-4o",
        messages=[{"role": "user", "content": "hi"}],
        headers={"a": "b"},
        metadata={"n": 1},
    )


def test_events_copy_compare_pickle_and_match() -> None:
    event = full_event()
    assert event == full_event()
    assert event != dataclasses.replace(event, model="other")
    assert copy.copy(event) == event and copy.copy(event).messages is event.messages
    deep = copy.deepcopy(event)
    assert deep == event and deep.messages is not event.messages
    assert pickle.loads(pickle.dumps(event)) == event
    fields = {field.name: getattr(event, field.name) for field in dataclasses.fields(event)}
    assert type(event)(**fields) == event
    assert repr(event).startswith("PipelineEvent(stage=<PipelineStage.PRE_SEND: 'pre_send'>, operation='sdk.request'")
    match event:
        case PipelineEvent(stage=PipelineStage.PRE_SEND, model=model, headers={"a": value}):
            assert (model, value) == ("gpt-4o", "b")
        case _:
            pytest.fail("no match")
    event.headers = {"c": "d"}
    assert event.headers == {"c": "d"}
    with pytest.raises(AttributeError, match="'PipelineEvent' object has no attribute 'missing'"):
        event.missing  # type: ignore[attr-defined]


def test_users_may_subclass_events() -> None:
    @dataclasses.dataclass
    class Scored(PipelineEvent):
        score: float = 0.5

    class Plain(PipelineEvent):
        def __init__(self, **fields: Any) -> None:
            super().__init__(stage=PipelineStage.SETUP, operation="mine", **fields)

    assert Scored(PipelineStage.SETUP, "x").score == 0.5
    assert Scored(PipelineStage.SETUP, "x").messages is None
    assert Plain(model="m").model == "m"

    class Replace:
        def on_pipeline_event(self, event: PipelineEvent) -> PipelineEvent:
            return Scored(event.stage, event.operation, score=2.0)

    last = PipelineExtensionManager(extensions=[Replace()], discover=False).emit("setup", operation="x")
    assert isinstance(last, Scored) and last.score == 2.0


def test_an_untouched_event_of_a_running_pipeline_behaves_like_any_other(conversation: list[dict[str, Any]]) -> None:
    seen: list[Any] = []

    class Look:
        stages = ["input_received"]

        def on_pipeline_event(self, event: PipelineEvent) -> None:
            assert "messages" not in vars(event), "nothing is converted before it is touched"
            seen.append(pickle.loads(pickle.dumps(event)))
            seen.append(copy.deepcopy(event))
            seen.append(dataclasses.replace(event, model="other"))
            assert seen[0] == seen[1] == event
            assert "messages=[{" in repr(event)

    headroom.compress(conversation, model="gpt-4o", extensions=Look())
    assert seen[0].messages == conversation
    assert seen[0].messages[0] is not conversation[0]
    assert seen[2].model == "other" and seen[2].messages == conversation
    assert seen[0].provider == "openai"


def test_protocol_and_routing_markers() -> None:
    class Good:
        def on_pipeline_event(self, event: PipelineEvent) -> None: ...

    assert isinstance(Good(), PipelineExtension)
    assert not isinstance(object(), PipelineExtension)
    transforms = ["router:json_table:0.24", "other", None, 3, "router:log:0.1"]
    assert summarize_routing_markers(transforms) == ["router:json_table:0.24", "router:log:0.1"]
    assert summarize_routing_markers(None) == []


def test_positional_fields_work_in_order() -> None:
    event = PipelineEvent(PipelineStage.SETUP, "x", "r", "openai", "m", [1])
    assert (event.request_id, event.provider, event.model, event.messages) == ("r", "openai", "m", [1])
