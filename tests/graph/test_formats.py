"""What a graph is written as: whatever names hold, it stays what it is."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ElementTree
from html.parser import HTMLParser

import pytest

from cdk8s_inference.findings import Finding
from cdk8s_inference.graph import FORMATS, Edge, Graph, Node, Section

HOSTILE = (
    "</script><script>alert(1)</script>",
    "</style></svg><img src=x onerror=alert(1)>",
    "a\"b'c`d",
    "a\nb\r\nc",
    "end; subgraph x --> y",
    "%%{init: {}}%%",
    'x"]; evil -> y [label="',
    "\\",
    "#quot;&quot;&#34;",
    "\x1b[31m\u202e\ud800\x00",
    "click n0 call alert()",
    "]]>--><!--",
    "<b>bold</b> **bold** [link](javascript:alert)",
)


def graph(text: str) -> Graph:
    finding = Finding("T000", "error", text, text, text, file=text, object=text)
    nodes = (
        Node("d0n0", "route", text, text, (text, text), ((text, text),), findings=(finding,)),
        Node("d0n1", "engine", text, text, role="prefill", pod="a"),
        Node("d0n2", "engine", text, text, role="decode", pod="a", is_read=False),
    )
    edges = (Edge("d0n0", "d0n1", text, "requests"), Edge("d0n1", "d0n2", text, "transfer"))
    return Graph((Section("d0", text, text, (text,), nodes, edges),), (finding,))


class Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[str, tuple[str, ...]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, tuple(name for name, _ in attrs)))


def tags(text: str) -> list[tuple[str, tuple[str, ...]]]:
    parser = Tags()
    parser.feed(graph(text).html())
    return parser.found


def wrapped(text: str) -> list[set[str]]:
    return [set(names) for tag, names in tags(text) if tag == "text"]


@pytest.mark.parametrize("text", HOSTILE)
def test_html_has_no_other_elements(text: str) -> None:
    # But for <text> elements: long texts are wrapped.
    made, usual = ([each for each in tags(one) if each[0] != "text"] for one in (text, "plain"))
    assert made == usual
    assert all(names <= {"class", "x", "y", "aria-hidden"} for names in wrapped(text))


@pytest.mark.parametrize("text", HOSTILE)
def test_svg_is_xml_without_other_elements(text: str) -> None:
    found = [each.tag for each in ElementTree.fromstring(graph(text).svg()).iter()]
    assert {each.partition("}")[2] for each in found} <= {
        *("svg", "title", "style", "defs", "marker", "path", "text", "g", "rect"),
    }


@pytest.mark.parametrize("text", HOSTILE)
def test_dot_has_no_other_statements(text: str) -> None:
    def bare(made: str) -> str:
        return re.sub(r'"(?:[^"\\]|\\.)*"', '""', made)

    assert bare(graph(text).dot()) == bare(graph("plain").dot())


@pytest.mark.parametrize("text", HOSTILE)
def test_mermaid_has_no_other_statements(text: str) -> None:
    def bare(made: str) -> list[str]:
        lines = (re.sub(r'"[^"]*"', '""', line) for line in made.splitlines())
        return [re.sub(r"^  %% .*", "%%", line) for line in lines]

    made = graph(text).mermaid()
    assert bare(made) == bare(graph("plain").mermaid())
    for quoted in re.findall(r'"([^"]*)"', re.sub(r"(?m)^  %% .*$", "", made)):
        assert not re.search(r"[<>{}\[\]`;|]", re.sub(r"<br/>|</?b>|#\d+;", "", quoted))


def test_html_loads_nothing() -> None:
    made = graph("plain").html()
    assert not re.search(r"https?://|@import|url\((?!#)", made.replace("http-equiv", ""))
    assert "default-src 'none'" in made


def test_every_part_is_reached_by_keyboard_and_named() -> None:
    parser = Tags()
    parser.feed(graph("plain").html())
    links = [names for tag, names in parser.found if tag == "a" and "data-part" in names]
    drawn = [names for names in links if "aria-label" in names]
    assert len(drawn) == 3
    assert all("href" in names for names in links)


@pytest.mark.parametrize("format", FORMATS)
def test_a_graph_of_nothing(format: str) -> None:
    assert Graph(()).written(format)  # type: ignore[arg-type]
