"""Checks of arguments: what cannot be is named with what was expected and what was found."""

from __future__ import annotations

from typing import Any

from .exceptions import ConfigurationError


def text(name: str, value: Any) -> str:
    """A string."""
    if not isinstance(value, str):
        raise wrong(name, "a string", value)
    return value


def text_or_none(name: str, value: Any) -> str | None:
    """A string or nothing."""
    return None if value is None else text(name, value)


def truth(name: str, value: Any) -> bool:
    """True or false."""
    if type(value).__name__ not in ("bool", "bool_"):  # The second is what older versions of numpy have.
        raise wrong(name, "True or False", value)
    return bool(value)


def number(name: str, value: Any, least: float = 0) -> Any:
    """A number that is not below the least one."""
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not value >= least:
        raise wrong(name, f"a number from {least}", value)
    return value


def function(name: str, value: Any) -> Any:
    """Something to call, or nothing."""
    if value is not None and not callable(value):
        raise wrong(name, "a function", value)
    return value


def wrong(name: str, expected: str, found: Any) -> ConfigurationError:
    """The error of an argument."""
    try:
        shown = repr(found)
    except Exception:
        shown = f"a value of type {type(found).__name__}"
    return ConfigurationError(f"{name}: expected {expected}, found {shown}", {"argument": name}, "configuration")
