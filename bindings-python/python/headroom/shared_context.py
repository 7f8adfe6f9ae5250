"""Text that several agents share: stored once, shown compressed, whole on request."""

from __future__ import annotations

import json
import threading
import time
from collections import OrderedDict
from dataclasses import dataclass
from typing import Any

from ._arguments import number, text, wrong
from ._compress import DEFAULT_MODEL, compress

__all__ = ["SharedContext"]


@dataclass(frozen=True)
class _Entry:
    original: str
    compressed: str
    tokens_before: int
    tokens_after: int
    agent: str | None
    expires: float


class SharedContext:
    """A bounded store of texts under keys, safe to share between threads.

    Args:
        model: Chooses the tokenizer.
        ttl: Seconds for which an entry is kept.
        max_entries: When one more comes, the oldest goes.
    """

    def __init__(
        self, model: str = DEFAULT_MODEL, ttl: float = 3600, max_entries: int = 100, *, store: Any = None
    ) -> None:
        if not isinstance(max_entries, int):
            raise wrong("max_entries", "a whole number from 0", max_entries)
        self._model = text("model", model)
        self._ttl = number("ttl", ttl)
        self._max_entries = number("max_entries", max_entries)
        self._store = store
        self._entries: OrderedDict[str, _Entry] = OrderedDict()
        self._lock = threading.Lock()

    def put(self, key: str, content: Any, agent: str | None = None) -> None:
        """Compresses a text once and keeps both; anything but a string is kept as JSON."""
        original = content if isinstance(content, str) else json.dumps(content, ensure_ascii=False)
        message = {"role": "tool", "tool_call_id": key, "content": original}
        result = compress([message], self._model, store=self._store)
        entry = _Entry(
            original=original,
            compressed=result.messages[0]["content"],
            tokens_before=result.tokens_before,
            tokens_after=result.tokens_after,
            agent=agent,
            expires=time.monotonic() + self._ttl,
        )
        with self._lock:
            self._entries.pop(key, None)
            self._entries[key] = entry
            self._drop_expired()
            while len(self._entries) > self._max_entries:
                self._entries.popitem(last=False)

    def get(self, key: str, full: bool = False) -> str | None:
        """The compressed text, or the original; ``None`` when there is none under this key any more."""
        with self._lock:
            self._drop_expired()
            entry = self._entries.get(key)
        if entry is None:
            return None
        return entry.original if full else entry.compressed

    def keys(self) -> list[str]:
        """Keys of what is kept, oldest first."""
        with self._lock:
            self._drop_expired()
            return list(self._entries)

    def stats(self) -> dict[str, Any]:
        """Entries, tokens before and after, tokens saved, and the agents that put something."""
        with self._lock:
            self._drop_expired()
            entries = list(self._entries.values())
        before = sum(entry.tokens_before for entry in entries)
        after = sum(entry.tokens_after for entry in entries)
        return {
            "entries": len(entries),
            "tokens_before": before,
            "tokens_after": after,
            "tokens_saved": before - after,
            "agents": sorted({entry.agent for entry in entries if entry.agent is not None}),
        }

    def clear(self) -> None:
        """Forgets everything."""
        with self._lock:
            self._entries.clear()

    def _drop_expired(self) -> None:
        now = time.monotonic()
        for key in [key for key, entry in self._entries.items() if entry.expires <= now]:
            del self._entries[key]
