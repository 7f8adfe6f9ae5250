"""Watches a stream of the wrapped client and tells when it is complete."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Iterator
from typing import Any

from ._apis import Api, plain
from ._request import Request

_log = logging.getLogger("headroom.pipeline")


def watch(stream: Any, request: Request, api: Api, status_code: int | None) -> Any:
    """The same stream; after its last event ``response_received`` is emitted with the assembled answer.

    A stream that is left before its end is not complete and emits nothing.
    """
    if not request.observes_response:
        return stream
    raw = getattr(stream, "_raw_stream", stream)
    events = getattr(raw, "_iterator", None)
    if events is None:
        _log.warning("a stream of type %s cannot be watched; response_received is not emitted", type(stream).__name__)
        return stream
    if hasattr(events, "__anext__"):
        raw._iterator = _awatched(events, request, api, status_code)
    else:
        raw._iterator = _watched(events, request, api, status_code)
    return stream


def _watched(events: Iterator[Any], request: Request, api: Api, status_code: int | None) -> Iterator[Any]:
    assembler = api.assembler()
    for event in events:
        assembler.add(plain(event))
        yield event
    request.received(assembler.response, status_code)


async def _awatched(
    events: AsyncIterator[Any], request: Request, api: Api, status_code: int | None
) -> AsyncIterator[Any]:
    assembler = api.assembler()
    async for event in events:
        assembler.add(plain(event))
        yield event
    await request.areceived(assembler.response, status_code)
