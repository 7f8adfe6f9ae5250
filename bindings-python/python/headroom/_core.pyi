"""The engine. Everything here is public through the package's own modules."""

import asyncio
import contextvars
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, final

from .pipeline import PipelineEvent, PipelineStage

STAGES: list[str]
__version__: str

class PipelineExtensionManager:
    """Holds extensions in the order in which they run: hooks, then extensions, then what entry points offer.

    Objects without a callable ``on_pipeline_event`` are skipped; of ``extensions``, with a warning.
    """

    def __new__(
        cls, *, hooks: Any = None, extensions: Any = None, discover: bool = True
    ) -> PipelineExtensionManager: ...
    @property
    def enabled(self) -> bool:
        """Whether there is anything to call."""

    @property
    def names(self) -> list[str]:
        """Names of the extensions in the order in which they run."""

    def subscribes(self, stage: PipelineStage | str) -> bool:
        """Whether any extension takes part in a stage."""

    def emit(
        self,
        stage: PipelineStage | str,
        *,
        operation: str,
        request_id: str | None = "",
        provider: str | None = "",
        model: str | None = "",
        messages: Any = None,
        tools: Any = None,
        headers: Any = None,
        payload: Any = None,
        response: Any = None,
        metadata: dict[str, Any] | None = None,
    ) -> PipelineEvent:
        """Hands an event to every extension of its stage, in order, and returns the last event as it is.

        The given objects themselves are handed over. Coroutines run on a loop thread of the package.
        """

    def aemit(self, stage: PipelineStage | str, **fields: Any) -> Coroutine[Any, Any, PipelineEvent]:
        """``emit`` for tasks: extensions run on the loop of the awaiting task, with its context variables."""

@final
class CompressResult:
    """What a compression came to."""

    @property
    def messages(self) -> Any:
        """The messages or body in the caller's shape: a new list or dict in which everything that was not compressed is
        the caller's own object."""

    @property
    def tokens_before(self) -> int:
        """Tokens of all texts before."""

    @property
    def tokens_after(self) -> int:
        """Tokens of all texts after."""

    @property
    def tokens_saved(self) -> int:
        """Tokens removed."""

    @property
    def compression_ratio(self) -> float:
        """The share removed, saved / before, from 0.0 to 1.0."""

    @property
    def transforms_applied(self) -> list[str]:
        """What was applied, as ``router:<transform>:<share kept>``, in block order."""

    @property
    def ccr_hashes(self) -> list[str]:
        """Hashes of the originals that markers name, each once, in block order."""

    @property
    def compressed(self) -> bool:
        """Whether anything was compressed."""

    @property
    def response(self) -> Any:
        """The answer of an extension; then the messages are the caller's and ``compressed`` is false."""

    @property
    def pipeline_timing(self) -> dict[str, dict[str, float]]:
        """``{step: {duration_ms, tokens_before, tokens_after}}``, in step order."""

    @property
    def report(self) -> dict[str, Any]:
        """Everything else that happened: blocks, calls of extensions, warnings."""

    @property
    def certificate(self) -> dict[str, Any]:
        """Proof of what was replaced, for ``headroom verify``."""

@final
class Run:
    """One request. The methods are called in stage order; one that gives something else than ``None`` has the answer of
    an extension, and then only ``response_received`` follows."""

    def __new__(cls, body: Any, arguments: dict[str, Any]) -> Run: ...
    def set_metadata(self, name: str, value: Any) -> None:
        """Adds to the metadata of the request."""

    def receive(self, tools: Any, headers: Any) -> Any:
        """``input_received``."""

    def cached(self, hit: bool, enabled: bool) -> Any:
        """``input_cached``."""

    def compress(self) -> None:
        """``input_routed`` and ``input_compressed``."""

    def remember(self) -> Any:
        """``input_remembered``."""

    def pre_send(self) -> Any:
        """``pre_send``."""

    def post_send(self, status_code: int | None, headers: Any) -> None:
        """``post_send``; without a status code the attempt failed."""

    def response_received(
        self,
        response: Any,
        convert: Callable[[Any], Any] | None = None,
        *,
        status_code: int | None = None,
        stream: bool = False,
        usage: Any = None,
        duration_s: float = 0.0,
    ) -> Any:
        """``response_received``; gives the response as the extensions left it. Extensions see ``convert(response)``."""

    @property
    def body(self) -> Any:
        """The list or body as it is now."""

    @property
    def tools(self) -> Any:
        """The tool definitions as they are now."""

    @property
    def headers(self) -> Any:
        """The request headers as they are now."""

    def finish(self) -> CompressResult:
        """What the request came to."""

@final
class Door:
    """Where an awaiting caller waits: ``run`` drives the engine on a worker thread, ``stop`` ends it."""

    def __new__(cls, event_loop: asyncio.AbstractEventLoop, context: contextvars.Context) -> Door: ...
    def run(self, function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any] | None = None) -> Any:
        """Calls a function of this module so that user code runs on the loop."""

    def stop(self) -> None:
        """Ends what runs."""

@final
class Tasks:
    """The tasks of an extension's crew."""

    def take(self) -> tuple[Any, bool] | None:
        """Waits for the next task: a ``Job`` or a coroutine's call that is to be cancelled, and whether a further
        thread is needed to take the one after it. Nothing at the end."""

@final
class Job:
    """One call of an extension."""

    def event(self) -> PipelineEvent | None:
        """The event to call the extension with; nothing when nobody waits any more."""

    def runs(self, call: Any) -> bool:
        """Says which call runs the coroutine; false when nobody waits for it."""

    def done(self, value: Any, error: BaseException | None) -> None:
        """Takes what the extension returned or raised."""

@final
class RunningProxy:
    """A proxy that listens. It ends with this object at the latest."""

    @property
    def address(self) -> str:
        """The address and the port that it listens on, as they stand in a URL."""

    @property
    def port(self) -> int:
        """The port that it listens on."""

    def stop(self) -> None:
        """Takes no new connection, waits for what is under way within the drain limit, and ends."""

def start_proxy(
    given_options: dict[str, Any], config: bool, path: Any, extensions: Any, found: Sequence[Any]
) -> RunningProxy:
    """Starts a proxy with options and extensions; ``found`` are those that entry points offer. ``config`` is whether
    the configuration is read, and ``path`` which file of it."""

def take_record() -> tuple[str, int, str]:
    """Waits for the next record that a thread without an interpreter logged: logger, level, sentence."""

def compress(messages: Any, arguments: dict[str, Any]) -> CompressResult:
    """Compresses a list of messages or a request body."""

def retrieve(hash: str, query: str | None = None, lines: str | None = None, store: Any = None) -> str:
    """The original under a hash, or the part of it that is asked for."""

def retrieve_tool(provider: str) -> dict[str, Any]:
    """The definition of the retrieval tool for a provider."""

def answer_tool_call(call: Any, store: Any = None) -> dict[str, Any]:
    """The message that answers a model's call of the retrieval tool."""

def run_command(
    arguments: Sequence[str], extensions: Sequence[Any], command: Sequence[str], problems: Sequence[str]
) -> int:
    """Runs the command with arguments (the program's name first) and extensions, and gives its exit code."""

def as_list(given: Any = None) -> list[Any]:
    """Nothing, one object, or an iterable of objects, as a list."""

def usable_extensions(found: Any = None) -> list[Any]:
    """Of what installed packages offer, what can be registered; the rest is skipped with a warning."""

def default_options() -> dict[str, Any]:
    """Every option with its default."""

def check_options(given: dict[str, Any] | None = None) -> None:
    """Raises what a compression with these options would raise."""

def check_store(given: Any = None) -> None:
    """Raises what a request with this store would raise."""

def start(manager: PipelineExtensionManager, operation: str, store: Any) -> None:
    """Tells extensions that the store of a client opens, and which one it is."""

def error_classes() -> list[tuple[str, str]]:
    """Every code with the name of its class."""

def after_fork() -> None:
    """Is called in a child process after a fork."""
