"""Fence the examples in docstrings.

They are indented there, which reads well in the source. Behind a list Markdown takes what is indented for a part of its
last item; between fences it is code everywhere.
"""

import re
from typing import Any

from griffe import Extension, Object

# The lines after an empty one that are indented by four or more, up to a line that is not.
_EXAMPLE = re.compile(r"(?<=\n\n)(?: {4}.*\n|\n(?= {4}))* {4}.*$", re.MULTILINE)
_SECTION = re.compile(r"^(?:Args|Returns|Raises|Attributes|Yields):$", re.MULTILINE)


class FencedExamples(Extension):
    """What mkdocstrings calls for each docstring that it reads."""

    def on_object(self, *, obj: Object, **_: Any) -> None:
        """Fence the examples that stand before the sections, which are indented themselves."""
        if obj.docstring is not None:
            text = obj.docstring.value
            section = _SECTION.search(text)
            end = section.start() if section else len(text)
            obj.docstring.value = _EXAMPLE.sub(_fenced, text[:end]) + text[end:]


def _fenced(example: re.Match[str]) -> str:
    lines = [line.removeprefix("    ") for line in example[0].split("\n")]
    return "\n".join(["```python", *lines, "```"])
