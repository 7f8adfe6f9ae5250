"""What can fail. Every class has ``.code``, a stable name for programs, and ``.details``, what it was about."""

from __future__ import annotations


class HeadroomError(Exception):
    """The base of every error of this package."""

    def __init__(self, message: str = "", details: dict[str, str] | None = None, code: str = "") -> None:
        super().__init__(message)
        self.details: dict[str, str] = {} if details is None else details
        self.code = code

    def __reduce__(self) -> tuple[object, ...]:
        return type(self), (str(self), self.details, self.code)


class ConfigurationError(HeadroomError):
    """An option or a declaration has a value that it cannot have."""


class ProviderError(HeadroomError):
    """A wrapped client is none that is known, or its provider cannot do what was asked."""


class StorageError(HeadroomError):
    """A store cannot be opened, read or written, or has no original under a hash (``not_found``, ``expired``)."""


class CompressionError(HeadroomError):
    """The pipeline as a whole could not run."""


class TokenizationError(HeadroomError):
    """A text cannot be counted."""


class CacheError(HeadroomError):
    """A response cache cannot be read or written."""


class ValidationError(HeadroomError):
    """Messages or a body cannot be read."""


class TransformError(HeadroomError):
    """A transform failed on a block."""


class ExtensionError(HeadroomError):
    """A ``closed`` extension failed or refused the request; its own exception is ``__cause__``."""
