"""The pipeline lifecycle: its stages, its event, and the extensions that take part in it."""

from __future__ import annotations

import logging
import sys
from collections.abc import Awaitable, Iterable
from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from . import _core
from ._core import PipelineExtensionManager

__all__ = [
    "CANONICAL_PIPELINE_STAGES",
    "ENTRY_POINT_GROUP",
    "PipelineEvent",
    "PipelineExtension",
    "PipelineExtensionManager",
    "PipelineStage",
    "discover_pipeline_extensions",
    "summarize_routing_markers",
]

ENTRY_POINT_GROUP = "headroom.pipeline_extension"
"""Packages offer extensions under this entry point group."""

_log = logging.getLogger(__name__)

if TYPE_CHECKING:

    class PipelineStage(str, Enum):
        """A moment of the lifecycle. The first three belong to a process, the other eight to a request."""

        SETUP = "setup"
        PRE_START = "pre_start"
        POST_START = "post_start"
        INPUT_RECEIVED = "input_received"
        INPUT_CACHED = "input_cached"
        INPUT_ROUTED = "input_routed"
        INPUT_COMPRESSED = "input_compressed"
        INPUT_REMEMBERED = "input_remembered"
        PRE_SEND = "pre_send"
        POST_SEND = "post_send"
        RESPONSE_RECEIVED = "response_received"

else:
    # The engine names the stages; what type checkers read above is checked against it by a test.
    PipelineStage = Enum(
        "PipelineStage",
        [(name.upper(), name) for name in _core.STAGES],
        type=str,
        module=__name__,
        qualname="PipelineStage",
    )
    PipelineStage.__doc__ = (
        "A moment of the lifecycle. The first three belong to a process, the other eight to a request."
    )

CANONICAL_PIPELINE_STAGES: tuple[PipelineStage, ...] = tuple(PipelineStage)
"""Every stage, in the order in which they happen."""

_LAZY = frozenset({"messages", "tools", "headers", "payload", "response", "metadata"})


@dataclass
class PipelineEvent:
    """What an extension is called with.

    In a running pipeline the fields from ``messages`` on are copies that are made when they are first touched; what is
    changed in them, or set, counts when the extension succeeds.
    """

    stage: PipelineStage
    operation: str
    request_id: str = ""
    provider: str = ""
    model: str = ""
    messages: Any = None
    tools: Any = None
    headers: Any = None
    payload: Any = None
    response: Any = None
    metadata: dict[str, Any] = field(default_factory=dict)

    if not TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any:
            source = self.__dict__.get("_source")
            if source is None or name not in _LAZY:
                raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
            value = source.field(name)
            self.__dict__[name] = value
            return value

        def __getstate__(self) -> dict[str, Any]:
            for name in _LAZY:
                getattr(self, name)
            return {name: value for name, value in self.__dict__.items() if name != "_source"}


# Class attributes would hide that a field was not made yet; __init__ has its own copy of the defaults.
for _name in _LAZY - {"metadata"}:
    delattr(PipelineEvent, _name)
del _name


@runtime_checkable
class PipelineExtension(Protocol):
    """Takes part in the lifecycle; plain or ``async def``.

    Returning nothing keeps in-place changes, returning an event replaces the current one, and returning an event at
    ``RESPONSE_RECEIVED`` with a response answers the request. An extension may declare ``stages``, ``filter``,
    ``priority``, ``before``, ``after``, ``timeout_ms`` and ``failure_policy``.
    """

    def on_pipeline_event(self, event: PipelineEvent) -> PipelineEvent | None | Awaitable[PipelineEvent | None]:
        """Is called with the event of every stage that the extension declares."""


def discover_pipeline_extensions() -> list[Any]:
    """Loads the extensions that installed packages offer under ``ENTRY_POINT_GROUP``.

    A class is instantiated without arguments. What fails to load or to initialise is skipped with a warning.
    """
    from importlib import metadata

    try:
        found = list(metadata.entry_points(group=ENTRY_POINT_GROUP))
    except Exception as error:
        _log.warning("pipeline extensions cannot be enumerated: %s: %s", type(error).__name__, error)
        return []
    extensions = []
    for entry_point in found:
        try:
            extension = entry_point.load()
            extensions.append(extension() if isinstance(extension, type) else extension)
        except Exception as error:
            name = getattr(entry_point, "name", entry_point)
            _log.warning("pipeline extension %s is skipped: %s: %s", name, type(error).__name__, error)
    return extensions


def summarize_routing_markers(transforms: Iterable[Any] | None) -> list[str]:
    """Keeps the items that say where a block was routed: ``router:<transform>:<share kept>``."""
    return [item for item in transforms or () if isinstance(item, str) and item.startswith("router:")]


_discovered: tuple[Any, list[Any]] = (None, [])


def _found_once() -> list[Any]:
    """What installed packages offer, looked for once as long as nothing changes where to look."""
    global _discovered
    from importlib import metadata

    place = (discover_pipeline_extensions, metadata.entry_points, tuple(sys.path))
    if _discovered[0] != place:
        _discovered = (place, _core.usable_extensions(discover_pipeline_extensions()))
    return _discovered[1]


_of_process: tuple[Any, PipelineExtensionManager] = (None, PipelineExtensionManager(discover=False))


def manager_of_call(hooks: list[Any], extensions: Any) -> PipelineExtensionManager:
    """The manager of one call: hooks, extensions, then the extensions that entry points offer this process."""
    global _of_process
    found = _found_once()
    extensions = _core.as_list(extensions)
    if not hooks and not extensions:
        if _of_process[0] is not found:
            _of_process = (found, PipelineExtensionManager(extensions=found, discover=False))
        return _of_process[1]
    return PipelineExtensionManager(hooks=hooks, extensions=[*extensions, *found], discover=False)
