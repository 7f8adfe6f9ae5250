"""What is installed: names, types, errors, the command, and extensions of other packages."""

from __future__ import annotations

import inspect
import logging
import os
import pickle
import subprocess
import sys
import zipfile
from importlib import metadata, resources
from pathlib import Path
from typing import Any

import pytest

import headroom
from headroom import _core, exceptions, pipeline

PUBLIC = """compress acompress retrieve retrieve_tool answer_tool_call CompressConfig CompressResult HeadroomClient
HeadroomMode CompressionHooks CompressContext CompressEvent SharedContext PipelineStage PipelineEvent
PipelineExtensionManager CANONICAL_PIPELINE_STAGES HeadroomError ConfigurationError ProviderError StorageError
CompressionError TokenizationError CacheError ValidationError TransformError ExtensionError Proxy start_proxy
__version__""".split()


def run(*arguments: str, **options: Any) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, *arguments], capture_output=True, text=True, timeout=240, **options)


def test_the_package_exports_what_it_promises() -> None:
    assert sorted(headroom.__all__) == sorted(PUBLIC)
    for name in PUBLIC:
        assert getattr(headroom, name) is not None
    assert resources.files("headroom").joinpath("py.typed").is_file()
    with pytest.raises(AttributeError, match="module 'headroom' has no attribute 'nothing'"):
        headroom.nothing  # type: ignore[attr-defined]


def test_the_stub_names_what_the_module_has() -> None:
    import ast

    tree = ast.parse(resources.files("headroom").joinpath("_core.pyi").read_text(encoding="utf-8"))
    stub: dict[str, Any] = {node.name: node for node in tree.body if isinstance(node, (ast.ClassDef, ast.FunctionDef))}
    public = {name for name in vars(_core) if not name.startswith("_")} - {"STAGES", "Done", "EventSource"}
    assert set(stub) == public
    for name, node in stub.items():
        value = getattr(_core, name)
        if isinstance(node, ast.FunctionDef):
            assert _parameters(node, skip=0) == list(inspect.signature(value).parameters), name
            continue
        members = {member.name: member for member in node.body if isinstance(member, ast.FunctionDef)}
        real = {member for member in vars(value) if not member.startswith("_")}
        assert {member for member in members if not member.startswith("_")} == real, name
        for member, declared in members.items():
            if any(
                isinstance(decorator, ast.Name) and decorator.id == "property" for decorator in declared.decorator_list
            ):
                assert inspect.isdatadescriptor(vars(value)[member]), f"{name}.{member}"
            else:
                callable_ = value if member == "__new__" else getattr(value, member)
                found = [parameter for parameter in inspect.signature(callable_).parameters if parameter != "self"]
                assert _parameters(declared, skip=1) == found, f"{name}.{member}"


def _parameters(node: Any, skip: int) -> list[str]:
    arguments = node.args
    named = [argument.arg for argument in (*arguments.posonlyargs, *arguments.args)][skip:]
    named += [argument.arg for argument in arguments.kwonlyargs]
    return named + ([arguments.kwarg.arg] if arguments.kwarg else [])


def test_types_hold_under_strict_checking(tmp_path: Path) -> None:
    program = tmp_path / "program.py"
    program.write_text(
        """
from headroom import CompressConfig, CompressResult, PipelineEvent, PipelineExtensionManager, PipelineStage, compress
from headroom.pipeline import PipelineExtension

class Log:
    def on_pipeline_event(self, event: PipelineEvent) -> None:
        if event.stage is PipelineStage.PRE_SEND:
            event.headers["x"] = event.model

class Late:
    async def on_pipeline_event(self, event: PipelineEvent) -> PipelineEvent | None:
        return PipelineEvent(stage=PipelineStage.RESPONSE_RECEIVED, operation=event.operation, response={})

extensions: list[PipelineExtension] = [Log(), Late()]
manager = PipelineExtensionManager(extensions=extensions)
event: PipelineEvent = manager.emit(PipelineStage.SETUP, operation="x")
result: CompressResult = compress([], config=CompressConfig(mode="lossless"), extensions=extensions)
saved: int = result.tokens_saved

import headroom
headroom.nothing  # type: ignore[attr-defined]

def ask(client: headroom.HeadroomClient) -> None:
    created: str = client.chat.completions.create(model="m", messages=[]).id
    client.responses.create(model="m", input=[]).output_text.upper()
    with client.messages.stream(model="m", messages=[], max_tokens=1) as stream:
        print(stream.text_stream, created)
"""
    )
    strict = ("-m", "mypy", "--strict", "--no-incremental", "--cache-dir", os.devnull)
    for target in ((str(program),), ("-p", "headroom")):
        checked = run(*strict, *target, cwd=tmp_path)
        assert checked.returncode == 0, checked.stdout + checked.stderr


def test_every_kind_of_error_has_its_class() -> None:
    classes = dict(_core.error_classes())
    assert classes == {
        "invalid_input": "ValidationError",
        "configuration": "ConfigurationError",
        "not_found": "StorageError",
        "expired": "StorageError",
        "storage": "StorageError",
        "store_full": "StorageError",
        "transform": "TransformError",
        "tokenization": "TokenizationError",
        "extension": "ExtensionError",
        "compression": "CompressionError",
    }
    for name in [*classes.values(), "ProviderError", "CacheError"]:
        kind = getattr(exceptions, name)
        assert issubclass(kind, headroom.HeadroomError) and issubclass(kind, Exception)
    error = headroom.StorageError("gone", {"hash": "x"}, "expired")
    again = pickle.loads(pickle.dumps(error))
    assert (type(again), str(again), again.details, again.code) == (type(error), "gone", {"hash": "x"}, "expired")
    assert headroom.HeadroomError("plain").details == {}


def test_the_command_runs_in_process(tmp_path: Path) -> None:
    command = Path(sys.executable).with_name("headroom")
    shown = subprocess.run([command, "--version"], capture_output=True, text=True, timeout=60)
    assert shown.returncode == 0 and headroom.__version__ in shown.stdout
    again = run("-m", "headroom._command", "no-such-verb")
    assert again.returncode == 2 and "no-such-verb" in again.stderr


def make_wheel(folder: Path) -> Path:
    """A package with an entry point, as its author would upload it."""
    name, version = "headroom_sample_extension", "1.0"
    wheel = folder / f"{name}-{version}-py3-none-any.whl"
    info = f"{name}-{version}.dist-info"
    files = {
        f"{name}/__init__.py": (
            "class LogInputExtension:\n"
            "    seen = []\n"
            "    def on_pipeline_event(self, event):\n"
            "        self.seen.append(event.stage.value)\n"
            "class Broken:\n"
            "    def __init__(self):\n"
            "        raise RuntimeError('cannot start')\n"
        ),
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name.replace('_', '-')}\nVersion: {version}\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        f"{info}/entry_points.txt": (
            "[headroom.pipeline_extension]\n"
            f"my_logger = {name}:LogInputExtension\n"
            f"broken = {name}:Broken\n"
            "missing = no_such_module:Thing\n"
        ),
    }
    with zipfile.ZipFile(wheel, "w") as archive:
        for path, text in files.items():
            archive.writestr(path, text)
        record = "".join(f"{path},,\n" for path in [*files, f"{info}/RECORD"])
        archive.writestr(f"{info}/RECORD", record)
    return wheel


def test_an_installed_package_takes_part_by_its_entry_point(tmp_path: Path) -> None:
    pip = ("-m", "pip", "--disable-pip-version-check")
    installed = run(*pip, "install", "--no-index", "--no-deps", str(make_wheel(tmp_path)))
    assert installed.returncode == 0, installed.stderr
    try:
        program = (
            "import logging; logging.basicConfig(level='WARNING')\n"
            "import headroom, headroom_sample_extension as sample\n"
            "from headroom.pipeline import discover_pipeline_extensions\n"
            "headroom.compress([{'role': 'user', 'content': 'hi'}])\n"
            "headroom.compress([{'role': 'user', 'content': 'hi'}])\n"
            "print(sample.LogInputExtension.seen)\n"
            "print([type(found).__name__ for found in discover_pipeline_extensions()])\n"
            "manager = headroom.PipelineExtensionManager()\n"
            "print(manager.enabled, manager.names, headroom.PipelineExtensionManager(discover=False).enabled)\n"
        )
        ran = run("-c", program, cwd=tmp_path)
    finally:
        run(*pip, "uninstall", "--yes", "headroom-sample-extension")
    assert ran.returncode == 0, ran.stderr
    stages = (
        "['input_received', 'input_routed', 'input_compressed', 'input_received', 'input_routed', 'input_compressed']"
    )
    assert ran.stdout.splitlines() == [stages, "['LogInputExtension']", "True ['LogInputExtension'] False"]
    assert "broken is skipped: RuntimeError: cannot start" in ran.stderr
    assert "missing is skipped: ModuleNotFoundError" in ran.stderr


def test_discovery_that_fails_finds_nothing(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    def fail(**_: Any) -> Any:
        raise OSError("no metadata")

    monkeypatch.setattr(metadata, "entry_points", fail)
    assert pipeline.discover_pipeline_extensions() == []
    assert "cannot be enumerated: OSError: no metadata" in caplog.text
    assert not headroom.PipelineExtensionManager().enabled
    assert headroom.compress([]).messages == []

    class Fake:
        name = "fake"

        def load(self) -> Any:
            return self

        def on_pipeline_event(self, event: Any) -> None: ...

    monkeypatch.setattr(metadata, "entry_points", lambda group: [Fake()] if group == pipeline.ENTRY_POINT_GROUP else [])
    assert headroom.PipelineExtensionManager().names == ["Fake"]


def test_importing_imports_little() -> None:
    program = (
        "import sys; import headroom\n"
        "print(sorted({'asyncio', 'importlib.metadata', 'openai', 'anthropic', 'httpx', 'json'} & set(sys.modules)))"
    )
    assert run("-c", program).stdout.strip() == "[]"


def test_the_engines_warnings_go_to_the_loggers_of_the_package(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.ERROR, "headroom")
    headroom.compress([7])
    assert caplog.records == []
    caplog.set_level(logging.WARNING, "headroom")
    headroom.compress([7])
    assert [record.name for record in caplog.records] == ["headroom"]
