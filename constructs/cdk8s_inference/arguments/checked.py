"""Checks the arguments of a call before it does anything."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cache, partial, wraps
from typing import TYPE_CHECKING, Any, TypeVar, get_args, get_type_hints

from cdk8s_inference.arguments.constraint import Problem
from cdk8s_inference.arguments.fit import problems
from cdk8s_inference.arguments.rule import A001
from cdk8s_inference.findings import Finding, InvalidInput, Path, Place, Violation, near_name
from cdk8s_inference.findings.caller import caller, line_of
from cdk8s_inference.findings.finding import field_path

if TYPE_CHECKING:
    from pydantic import BaseModel

_Call = TypeVar("_Call", bound=Callable[..., Any])


def checked(target: _Call) -> _Call:
    """Has a function, or a class when an instance is made, refuse what its annotations exclude.

    All that is wrong is said at once, by the names of the arguments and at the user's line. Calls
    that leave out an argument, or have one too many, are left to Python.

    A ``ValueError`` of a dataclass's ``__post_init__`` is told in the same way; what follows its
    last semicolon is the fix.

    Raises:
        InvalidInput: When it is called: an argument has the wrong type or value.
    """
    if not inspect.isclass(target):
        return _checked(target, partial(get_type_hints, target, include_extras=True))
    made: Any = target
    hints = partial(get_type_hints, target, include_extras=True)
    made.__init__ = _checked(made.__init__, hints, is_value=True)
    return target


def _checked(
    function: _Call, hints: Callable[[], Mapping[str, Any]], *, is_value: bool = False
) -> _Call:
    hints = cache(hints)
    signature = inspect.signature(function)

    @wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        try:
            bound = signature.bind(*args, **kwargs)
        except TypeError:
            return function(*args, **kwargs)
        name = _name(function, args)
        found = list(_problems(signature, hints(), bound.arguments))
        if found:
            raise InvalidInput(_findings(name, found))
        try:
            return function(*args, **kwargs)
        except ValueError as error:
            # check reads values without pydantic, and loads it for none.
            if type(error).__name__ == "ValidationError":
                raise InvalidInput(_findings(name, _of_pydantic(error, None))) from None
            if is_value and type(error) is ValueError:
                message, _, fix = str(error).rpartition("; ")
                refused = Problem((), message or fix, fix if message else A001.fix)
                raise InvalidInput(_findings(name, [refused])) from None
            raise

    return call  # type: ignore[return-value]


def _problems(
    signature: inspect.Signature, hints: Mapping[str, Any], arguments: Mapping[str, Any]
) -> Iterator[Problem]:
    for name, value in arguments.items():
        parameter = signature.parameters[name]
        if name not in hints or value is parameter.default:
            continue
        if parameter.kind is parameter.VAR_POSITIONAL:
            for each in value:
                yield from problems(hints[name], each, (name,))
        elif parameter.kind is not parameter.VAR_KEYWORD:
            yield from problems(hints[name], value, (name,))


def _name(function: Callable[..., Any], args: tuple[Any, ...]) -> str:
    """A call as a user writes it."""
    if function.__name__ == "__init__":
        return f"{type(args[0]).__name__}()"
    return f"{function.__qualname__}()"


def _findings(call: str, found: Iterable[Problem]) -> list[Finding]:
    file, line = line_of(caller()[0])
    return [
        A001.finding(
            Violation(Place(call, field_path(each.path), file, line), each.message, fix=each.fix)
        )
        for each in found
    ]


def made_in_python(
    model: type[BaseModel], given: Mapping[str, Any], make: Callable[..., None]
) -> None:
    """Makes an instance of a model of pydantic's from what Python gives, checked.

    Args:
        model: The model.
        given: The arguments.
        make: Takes them, as pydantic does.

    Raises:
        InvalidInput: An argument has the wrong type or value, is missing, or is not known.
    """
    names = {field.alias: name for name, field in model.model_fields.items() if field.alias}
    found = [
        problem
        for key, value in given.items()
        if value is not None and (name := names.get(key, key)) in _hints(model)
        for problem in problems(_hints(model)[name], value, (key,))
        # What is said as a mapping is pydantic's to read.
        if not _is_said_as_mapping(given, problem.path)
    ]
    if found:
        raise InvalidInput(_findings(f"{model.__name__}()", found))
    from pydantic import ValidationError

    try:
        make(**given)
    except ValidationError as problem:
        told = _findings(f"{model.__name__}()", _of_pydantic(problem, model))
        raise InvalidInput(told) from None


@cache
def _hints(model: type[BaseModel]) -> Mapping[str, Any]:
    hints = get_type_hints(model, include_extras=True)
    return {name: hints[name] for name in model.model_fields}


def _is_said_as_mapping(given: Any, path: Path) -> bool:
    for part in path:
        given = given[part]
    return isinstance(given, Mapping)


def _of_pydantic(problem: Any, model: type[BaseModel] | None) -> Iterator[Problem]:
    for error in problem.errors(include_url=False):
        path = tuple(_python_names(error["loc"], model))
        name = str(path[-1]) if path else ""
        if error["type"] == "missing":
            yield Problem(path, "is missing", f"give {name}")
        elif error["type"] in ("extra_forbidden", "unexpected_keyword_argument"):
            known = list(model.model_fields) if model else []
            near = near_name(name, known)
            message = f"there is no such argument, only {', '.join(known)}" if known else "unknown"
            yield Problem(path, message, f"write {near}" if near else "remove it")
        else:
            yield Problem(path, error["msg"][:1].lower() + error["msg"][1:], A001.fix)


def _python_names(location: Path, model: type[BaseModel] | None) -> Iterator[str | int]:
    """A place in a document as Python names it: ``nodeSelector`` is ``node_selector``."""
    for part in location:
        fields = model.model_fields if model else {}
        name = next((name for name, field in fields.items() if part in (name, field.alias)), None)
        yield name or part
        if name is not None:
            model = _model_in(fields[name].annotation)


def _model_in(annotation: Any) -> type[BaseModel] | None:
    from pydantic import BaseModel

    if inspect.isclass(annotation) and issubclass(annotation, BaseModel):
        return annotation
    return next((found for each in get_args(annotation) if (found := _model_in(each))), None)
