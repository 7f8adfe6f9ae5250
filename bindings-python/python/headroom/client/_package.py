"""Which package a wrapped client is of."""

from __future__ import annotations

from typing import Any, NamedTuple


class Origin(NamedTuple):
    """Where the class of a client comes from."""

    package: str | None
    """``openai`` or ``anthropic``; nothing for a client that only looks like one of theirs."""
    is_async: bool
    """Whether its methods are coroutines."""


def origin_of(client: Any) -> Origin:
    """Tells by the first class of a package, since a subclass has a module and a name of its own."""
    for base in type(client).__mro__:
        package = base.__module__.partition(".")[0]
        if package in ("openai", "anthropic"):
            return Origin(package, base.__name__.startswith("Async"))
    return Origin(None, type(client).__name__.startswith("Async"))
