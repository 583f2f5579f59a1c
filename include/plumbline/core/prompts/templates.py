"""
Sections as templates, of which little is allowed: a value, a choice, a loop over a list that was given.

Neither attributes nor items, calls, filters or includes: a prompt is words, and whatever it could reach would be
reached some day by text that a stranger wrote.  What strangers wrote stands in the user's message alone, because a
model takes the system's for orders, and decides nothing, because its fence would answer every question.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import TYPE_CHECKING, NoReturn

from plumbline.core.prompts.files import PromptFile, Section

if TYPE_CHECKING:
    from jinja2 import Environment, Template, nodes

_ALLOWED = frozenset(
    {
        "And", "Compare", "Const", "For", "If", "Name", "Not", "Operand", "Or", "Output", "Template", "TemplateData",
    }
)  # fmt: skip


class Checked:
    """
    A section that passed every check: its template, and what it is made of.

    `words` are those of the file itself; `printed` are the variables that are written out, once for each place.
    """

    def __init__(self, file: PromptFile, section: Section) -> None:
        from jinja2 import TemplateSyntaxError, nodes

        self._file, self._section = file, section
        try:
            tree = environment().parse(section.text)
        except TemplateSyntaxError as error:
            self._refuse(error.lineno, f"this is no template: {error.message}")
        self.named: set[str] = set()
        self.lists: set[str] = set()
        self.printed: list[str] = []
        self.printed_whole: set[str] = set()
        self._check(tree, {})
        self.template: Template = environment().from_string(tree)
        self.source = section.text
        self.words = "".join(part.data for part in tree.find_all(nodes.TemplateData))

    def _check(self, tree: nodes.Node, loops: Mapping[str, str]) -> None:
        """Check what is inside a node; `loops` are the names that loops around it set, with their lists."""
        from jinja2 import nodes

        for node in tree.iter_child_nodes():
            if type(node).__name__ not in _ALLOWED:
                self._refuse(
                    node.lineno, f"a prompt may not use {_called(node)}; it may use values, if and for"
                )
            inside = loops
            if isinstance(node, nodes.For):
                inside = {**loops, **self._checked_loop(node, loops)}
            elif isinstance(node, nodes.Name) and node.ctx == "load":
                self._check_name(node, loops)
            elif isinstance(node, nodes.If):
                self._check_test(node, loops)
            elif isinstance(node, nodes.Output):
                self._check_output(node, loops)
            self._check(node, inside)

    def _check_kind(self, node: nodes.Node) -> None:
        if type(node).__name__ not in _ALLOWED:
            self._refuse(node.lineno, f"a prompt may not use {_called(node)}; it may use values, if and for")

    def _checked_loop(self, node: nodes.For, loops: Mapping[str, str]) -> dict[str, str]:
        from jinja2 import nodes

        over, item = node.iter, node.target
        plain = node.test is None and not node.recursive and not node.else_
        if (
            not (plain and isinstance(over, nodes.Name) and isinstance(item, nodes.Name))
            or over.name in loops
        ):
            self._refuse(node.lineno, "a loop goes over a variable by its name, and over nothing else")
        if item.name in self._file.variables or item.name in loops:
            self._refuse(
                node.lineno, f"{item.name} is the name of something else already, so no loop may set it"
            )
        self.lists.add(over.name)
        return {item.name: over.name}

    def _check_name(self, node: nodes.Name, loops: Mapping[str, str]) -> None:
        known = self._file.variables.get(loops.get(node.name, node.name))
        if known is None:
            self._refuse(node.lineno, f"{node.name} is not declared in the header")
        self.named.add(known.name)
        if known.untrusted and self._section.role == "system":
            self._refuse(
                node.lineno,
                f"{known.name} is untrusted, and the system section may not use what strangers wrote; "
                "put it into `# user`",
            )

    def _check_test(self, node: nodes.If, loops: Mapping[str, str]) -> None:
        from jinja2 import nodes

        for name in [node.test] if isinstance(node.test, nodes.Name) else node.test.find_all(nodes.Name):
            known = self._file.variables.get(loops.get(name.name, name.name))
            if known is not None and known.untrusted:
                self._refuse(node.lineno, f"{known.name} is untrusted, so nothing may depend on it")

    def _check_output(self, node: nodes.Output, loops: Mapping[str, str]) -> None:
        from jinja2 import nodes

        for part in node.nodes:
            if isinstance(part, nodes.Name):
                self.printed.append(loops.get(part.name, part.name))
                if part.name not in loops:
                    self.printed_whole.add(part.name)
            elif not isinstance(part, nodes.TemplateData):
                self._check_kind(part)
                self._refuse(part.lineno, "between the braces stands one name")

    def _refuse(self, line: int, fact: str) -> NoReturn:
        self._file.refuse(self._section.line + line - 1, fact)


@cache
def environment() -> Environment:
    """Return where templates live: without filters, tests, globals and undefined values."""
    from jinja2 import StrictUndefined
    from jinja2.sandbox import ImmutableSandboxedEnvironment

    # Prompts are no HTML: an escaped character would be paid for, and read by the model as it stands.
    made = ImmutableSandboxedEnvironment(
        undefined=StrictUndefined, autoescape=False, trim_blocks=True, lstrip_blocks=True
    )
    for names in (made.globals, made.filters, made.tests):
        names.clear()
    return made


def _called(node: nodes.Node) -> str:
    known = {
        "Getattr": "attributes",
        "Getitem": "items",
        "Call": "calls",
        "Filter": "filters",
        "Test": "tests",
    }
    return known.get(type(node).__name__, f"`{type(node).__name__.lower()}`")
