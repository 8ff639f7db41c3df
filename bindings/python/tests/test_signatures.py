"""Signatures, documentation and argument errors of every public method."""

from __future__ import annotations

import inspect
import pydoc
import sys
import typing
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import pytest
from observability_samples import DEFINITION, MAPPING

import mistral_datasets
from harness import UNREACHABLE
from mistral_datasets import Mistral, errors, models, resources, testing, types
from mistral_datasets.types import (
    ExportedRecords,
    FeedPage,
    FeedPager,
    FeedPages,
    Page,
    Pager,
    Pages,
    RawResponse,
    TaskHandle,
)

RESOURCES = resources.BY_GROUP

CLASSES: list[type[object]] = [
    Mistral,
    *RESOURCES.values(),
    TaskHandle,
    models.ImportTask,
    Pager,
    Pages,
    Page,
    FeedPager,
    FeedPages,
    FeedPage,
    ExportedRecords,
    RawResponse,
]

OPTIONS = ("Unpack[CallOptions]", "Unpack[mistral_datasets.types.CallOptions]")


def methods(cls: type[object]) -> Iterator[tuple[str, Callable[..., Any]]]:
    """Yields the public methods of a class that are written in Python."""
    for name in dir(cls):
        value = getattr(cls, name)
        if not name.startswith("_") and inspect.isroutine(value) and hasattr(value, "__code__"):
            yield name, typing.cast("Callable[..., Any]", value)


def all_methods() -> Iterator[Any]:
    for cls in CLASSES:
        for name, method in methods(cls):
            yield pytest.param(cls, method, id=f"{cls.__name__}.{name}")


def calls() -> Iterator[Any]:
    """Yields the public name and the method of every call of a resource that accepts options."""
    for path, cls in RESOURCES.items():
        for name, method in methods(cls):
            if takes_options(method):
                yield pytest.param(path, name, id=f"{path}.{name}")


def takes_options(method: Callable[..., Any]) -> bool:
    return any(each.annotation in OPTIONS for each in inspect.signature(method).parameters.values())


def resource(mistral: Mistral, path: str) -> Any:
    target: Any = mistral
    for name in path.split("."):
        target = getattr(target, name)
    return target


@pytest.fixture
def mistral() -> Iterator[Mistral]:
    """A client that cannot send anything."""
    with Mistral("k", server_url=UNREACHABLE, max_retries=0) as mistral:
        yield mistral


def raised(call: Callable[[], Any]) -> BaseException:
    """Returns the exception of a call, which is awaited if it is async."""
    try:
        result = call()
        if inspect.iscoroutine(result):
            result.send(None)
    except BaseException as error:
        return error
    raise AssertionError("the call succeeded")


def test_classes_have_the_expected_number_of_methods() -> None:
    # The walk must not become empty.
    assert {cls.__name__: len(list(methods(cls))) for cls in CLASSES} == {
        "Mistral": 8,
        "Datasets": 45,
        "Records": 12,
        "Files": 12,
        "ChatCompletionEvents": 11,
        "Fields": 6,
        "Judges": 13,
        "Campaigns": 16,
        "Spans": 21,
        "Traces": 16,
        "Logs": 7,
        "TaskHandle": 4,
        "ImportTask": 4,
        "Pager": 3,
        "Pages": 1,
        "Page": 0,
        "FeedPager": 1,
        "FeedPages": 1,
        "FeedPage": 0,
        "ExportedRecords": 0,
        "RawResponse": 0,
    }


@pytest.mark.parametrize(("cls", "method"), list(all_methods()))
def test_signatures_have_names_types_and_defaults(cls: type[object], method: Callable[..., Any]) -> None:
    signature = inspect.signature(method)
    assert signature.return_annotation is not inspect.Signature.empty
    for name, parameter in signature.parameters.items():
        if name not in ("self", "cls"):
            assert parameter.annotation is not inspect.Parameter.empty, name
        if parameter.kind is inspect.Parameter.VAR_KEYWORD:
            assert parameter.annotation in (*OPTIONS, "P.kwargs")


@pytest.mark.parametrize(("cls", "method"), list(all_methods()))
def test_every_argument_and_result_is_documented(cls: type[object], method: Callable[..., Any]) -> None:
    doc = inspect.getdoc(method) or ""
    assert doc
    signature = inspect.signature(method)
    arguments = [name for name in signature.parameters if name not in ("self", "cls")]
    # One-line documentation is enough for a method without arguments.
    for name in arguments:
        assert f"\n    {name}: " in doc, name
    if arguments and signature.return_annotation != "None":
        assert "\nReturns:\n" in doc


@pytest.mark.skipif(sys.version_info < (3, 11), reason="Python 3.10 has no `Unpack`")
@pytest.mark.parametrize(("cls", "method"), list(all_methods()))
def test_type_hints_can_be_evaluated(cls: type[object], method: Callable[..., Any]) -> None:
    hints = typing.get_type_hints(method)
    for name, parameter in inspect.signature(method).parameters.items():
        assert name in hints or name in ("self", "cls"), name
        if parameter.annotation in OPTIONS:
            assert types.CallOptions in typing.get_args(hints[name])


@pytest.mark.skipif(sys.version_info < (3, 11), reason="Python 3.10 has no `Unpack`")
def test_type_hints_of_public_classes_can_be_evaluated() -> None:
    for module in (mistral_datasets, types, testing, errors):
        for name in module.__all__:
            cls = getattr(module, name)
            if inspect.isclass(cls):
                typing.get_type_hints(cls)
                for value in vars(cls).values():
                    if inspect.isfunction(value):
                        typing.get_type_hints(value)


@pytest.mark.parametrize(("cls", "method"), list(all_methods()))
def test_async_methods_are_coroutine_functions_with_the_same_documentation(
    cls: type[object], method: Callable[..., Any]
) -> None:
    name = method.__name__
    is_async = name.endswith("_async") or name == "aclose"
    assert inspect.iscoroutinefunction(method) == is_async
    if not name.endswith("_async"):
        return
    twin = getattr(cls, name.removesuffix("_async"))
    parameters = inspect.signature(method).parameters
    assert list(parameters) == list(inspect.signature(twin).parameters)
    for each, parameter in inspect.signature(twin).parameters.items():
        assert (parameter.kind, parameter.default) == (parameters[each].kind, parameters[each].default)

    def sections(doc: str | None) -> list[str]:
        return [line for line in (doc or "").splitlines() if line.strip().endswith(":")]

    first = (method.__doc__ or "").splitlines()[0].replace("an async method", "a method")
    assert (twin.__doc__ or "").splitlines()[0] == first
    assert sections(method.__doc__) == sections(twin.__doc__)


@pytest.mark.parametrize(("path", "name"), list(calls()))
def test_ids_can_be_passed_by_position(path: str, name: str) -> None:
    for each, parameter in inspect.signature(getattr(RESOURCES[path], name)).parameters.items():
        if each.endswith(("_id", "_ids")) and parameter.default is inspect.Parameter.empty:
            assert parameter.kind is inspect.Parameter.POSITIONAL_OR_KEYWORD, each


def test_calls_of_resources_accept_options() -> None:
    without = {
        f"{path}.{name}"
        for path, cls in RESOURCES.items()
        for name, method in methods(cls)
        if not takes_options(method)
    }
    assert without == {"datasets.task", "campaigns.wait", "campaigns.wait_async"}
    assert takes_options(Mistral.open_link)
    assert takes_options(models.ImportTask.refresh)


def required_arguments(method: Callable[..., Any]) -> dict[str, Any]:
    """Returns a value for every required argument. No value is invalid before the server sees it."""
    values: dict[str, Any] = {
        "name": "A name",
        "description": "",
        "payload": {"messages": []},
        "properties": {},
        "records": [],
        "source": [],
        "to": bytes,
        "file": {"file_name": "a", "content": b"a"},
        "judge_definition": DEFINITION,
        "output": DEFINITION["output"],
        "tools": [],
        "instructions": "Judge.",
        "messages": [],
        "search_params": {"filters": None},
        "max_nb_events": 1,
        "metric": {"measure": "a", "aggregation": "count"},
        "span_references": [],
        "mapping_contract": MAPPING,
        "mapping": MAPPING,
        "spans": [],
    }
    return {
        name: values.get(name, ["x"] if name.endswith("_ids") else "x")
        for name, parameter in inspect.signature(method).parameters.items()
        if parameter.default is inspect.Parameter.empty and parameter.kind is not inspect.Parameter.VAR_KEYWORD
    }


@pytest.mark.parametrize(("path", "name"), list(calls()))
def test_unknown_keywords_name_the_method_and_the_nearest_match(mistral: Mistral, path: str, name: str) -> None:
    method = getattr(resource(mistral, path), name)
    arguments = required_arguments(method)
    for wrong, nearest in {"time_out": "timeout", "max_retires": "max_retries", "httpHeaders": "http_headers"}.items():
        error = raised(lambda wrong=wrong: method(**arguments, **{wrong: 1}))  # type: ignore[misc]
        assert type(error) is TypeError, error
        message = f"{path}.{name}() got an unexpected keyword argument '{wrong}'; did you mean '{nearest}'?"
        assert str(error) == message
    for parameter in inspect.signature(method).parameters.values():
        if parameter.kind is inspect.Parameter.KEYWORD_ONLY and len(parameter.name) > 4:
            wrong = parameter.name + "x"
            error = raised(lambda wrong=wrong: method(**arguments, **{wrong: 1}))  # type: ignore[misc]
            if parameter.default is not inspect.Parameter.empty:
                assert str(error).endswith(f"'{wrong}'; did you mean '{parameter.name}'?"), error


@pytest.mark.parametrize(("path", "name"), list(calls()))
def test_wrong_types_name_the_argument_and_what_is_accepted(mistral: Mistral, path: str, name: str) -> None:
    method = getattr(resource(mistral, path), name)
    arguments = required_arguments(method)
    for parameter in inspect.signature(method).parameters.values():
        if parameter.kind is inspect.Parameter.VAR_KEYWORD or parameter.name == "payload_type":
            continue
        wrong: object = object()
        error = raised(lambda name=parameter.name, wrong=wrong: method(**{**arguments, name: wrong}))  # type: ignore[misc]
        if parameter.name in ("payload", "properties"):
            # JSON, for which the path is more precise than the argument.
            assert str(error).split(":")[1].strip().startswith(parameter.name), error
            continue
        assert isinstance(error, (TypeError, ValueError)), (parameter.name, error)
        assert str(error).startswith(f"{parameter.name}: expected "), error
        assert parameter.name == "file" or "found object" in str(error), error


def test_wrong_options_name_the_option_and_what_is_accepted(mistral: Mistral) -> None:
    for options, message in (
        ({"timeout": "5"}, "timeout: expected a number of seconds or a timedelta, found str"),
        ({"deadline": True}, "deadline: expected a number of seconds or a timedelta, found bool"),
        ({"timeout_ms": 1.5}, "timeout_ms: expected a number of milliseconds, found float"),
        ({"deadline_ms": False}, "deadline_ms: expected a number of milliseconds, found bool"),
        ({"max_retries": "5"}, "max_retries: expected a number of retries, found str"),
        ({"max_retries": True}, "max_retries: expected a number of retries, found bool"),
        (
            {"retry": 5},
            "retry: expected mistral_datasets.RetryPolicy, found int; for a number of retries, use `max_retries`",
        ),
        ({"headers": "X-Team: blue"}, "headers: expected a mapping of str to str, found str"),
        ({"headers": {"X-Team": 5}}, "headers: expected a mapping of str to str, found int as the value of 'X-Team'"),
        ({"server_url": 5}, "server_url: expected str, found int"),
    ):
        targets: list[Callable[..., Any]] = [
            mistral.datasets.list,
            mistral.datasets.list_async,
            mistral.with_options,
            partial(Mistral, "k"),
        ]
        for target in targets:
            error = raised(lambda target=target, options=options: target(**options))  # type: ignore[misc]
            assert (type(error), str(error)) == (TypeError, message)


def test_missing_arguments_name_the_method(mistral: Mistral) -> None:
    datasets: Any = mistral.datasets
    with pytest.raises(TypeError, match=r"Datasets\.create\(\) missing 1 required keyword-only argument: 'name'"):
        datasets.create(description="")


def test_help_shows_types_and_documentation(mistral: Mistral) -> None:
    for method in (mistral.datasets.list_records, mistral.datasets.list_records_async):
        text = " ".join(pydoc.plain(pydoc.render_doc(method)).split())
        assert "dataset_id: 'str | UUID', *, page_size: 'int | None' = None" in text
        assert "-> 'ListRecordsResponse'" in text
        assert "page_size: Number of results per page" in text


def test_tracebacks_are_short(mistral: Mistral) -> None:
    for call in (
        lambda: mistral.datasets.list(page_size="many"),  # type: ignore[arg-type]
        lambda: mistral.datasets.list(),
        lambda: mistral.datasets.list(pagesize=5),  # type: ignore[call-arg]
    ):
        frames: list[str] = []
        trace = raised(call).__traceback__
        while trace is not None:
            frames.append(trace.tb_frame.f_code.co_filename)
            trace = trace.tb_next
        assert sum("mistral_datasets" in name for name in frames) == 1, frames


def test_unknown_arguments_of_the_client_name_the_nearest_match() -> None:
    error = raised(lambda: Mistral("a key", tiemout=3))  # type: ignore[arg-type]
    assert type(error) is TypeError
    assert str(error) == "Mistral() got an unexpected keyword argument 'tiemout'; did you mean 'timeout'?"


def test_the_only_required_argument_can_be_passed_by_position() -> None:
    with Mistral.local() as mistral:
        assert mistral.files.upload(("records.jsonl", b"{}\n")).filename == "records.jsonl"
