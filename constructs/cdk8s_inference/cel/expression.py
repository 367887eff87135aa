"""The syntax of an expression."""

from __future__ import annotations

from functools import cache
from importlib import resources

from lark import Lark, Token, Tree
from lark.exceptions import UnexpectedCharacters, UnexpectedInput, UnexpectedToken

Node = Tree[Token] | Token


class InvalidExpression(ValueError):
    """An expression that the API server does not compile."""


def parse(text: str) -> Node:
    """The syntax tree of an expression.

    Raises:
        InvalidExpression: It is no expression; says where it ceases to be one.
    """
    try:
        return _parser().parse(text)
    except UnexpectedInput as error:
        raise InvalidExpression(_reason(error, text)) from None
    except RecursionError:
        raise InvalidExpression("the expression is nested too deeply") from None


@cache
def _parser() -> Lark:
    grammar = resources.files("cdk8s_inference.cel").joinpath("expression.lark").read_text()
    return Lark(grammar, parser="lalr", maybe_placeholders=False)


def _reason(error: UnexpectedInput, text: str) -> str:
    if isinstance(error, UnexpectedToken) and error.token.type == "$END":
        return "the expression ends unexpectedly"
    start = error.pos_in_stream or 0
    found = text[start : start + 12].split("\n")[0]
    if isinstance(error, UnexpectedCharacters) and found.startswith("="):
        return f"column {error.column}: '=' is no operator; compare with '=='"
    return f"column {error.column}: unexpected {found!r}"
