"""Whether a value satisfies an expression, as Google's own runtime of the language says."""

from __future__ import annotations

from functools import cache
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from cel_expr_python import cel


@cache
def can_evaluate() -> bool:
    """Whether the runtime is installed, which is the extra ``cel``."""
    return find_spec("cel_expr_python") is not None


def is_known(expression: str) -> bool:
    """Whether an expression can be evaluated, of some value at least."""
    return _compiled(expression) is not None


def holds(expression: str, value: Any) -> bool | None:
    """Whether an expression is true of a value, which it calls ``self``.

    Args:
        expression: The expression, of those that are boolean.
        value: Plain data.

    Returns:
        None where that cannot be told: the runtime is not installed, the expression calls what is
        not known here, or reads what the value does not have.
    """
    compiled = _compiled(expression)
    if compiled is None:
        return None
    try:
        result = compiled.eval(data={"self": value}).plain_value()
    except (OverflowError, RuntimeError, TypeError, ValueError):
        return None
    # A failure is a value as well: its text.
    return result if isinstance(result, bool) else None


@cache
def _compiled(expression: str) -> cel.Expression | None:
    if not can_evaluate():
        return None
    try:
        return _environment().compile(expression)
    except RuntimeError:
        return None


@cache
def _environment() -> cel.Env:
    from cel_expr_python import cel
    from cel_expr_python.ext import ext_optional, ext_strings

    from cdk8s_inference.cel.kubernetes_functions import functions

    return cel.NewEnv(
        variables={"self": cel.Type.DYN},
        extensions=[ext_strings.ExtStrings(), ext_optional.ExtOptional()],
        functions=functions(),
    )
