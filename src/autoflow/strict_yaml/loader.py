"""PyYAML's reader, in C where it was built so, with our own idea of scalars and of depth."""

from __future__ import annotations

from typing import Any

import yaml

from autoflow.strict_yaml.scalars import STR, tag_of_plain

MAX_DEPTH = 64

FastLoader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # the index has no C build for every Python


class TooDeepError(yaml.MarkedYAMLError):
    """Nested deeper than any rule needs, caught while reading: the C code would run out of stack."""


class StrictLoader(FastLoader):  # type: ignore[misc]  # PyYAML's stubs know only one of the two bases
    """Makes the tree of a document."""

    depth = 0

    def descend_resolver(self, current_node: Any, current_index: Any) -> None:
        self.depth += 1
        if self.depth > MAX_DEPTH:
            mark = current_node.start_mark if current_node is not None else None
            raise TooDeepError(problem=f"nested deeper than {MAX_DEPTH} levels", problem_mark=mark)

    def ascend_resolver(self) -> None:
        self.depth -= 1

    def resolve(self, kind: type[yaml.Node], value: Any, implicit: Any) -> str:
        if kind is not yaml.ScalarNode:
            return "tag:yaml.org,2002:" + ("map" if kind is yaml.MappingNode else "seq")
        return tag_of_plain(value) if implicit[0] else STR
