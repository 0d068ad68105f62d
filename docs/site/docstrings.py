"""Make docstrings of the source into those of the reference.

- Examples are indented in the source, which reads well there. Behind a list Markdown takes what is indented for a part
  of its last item; between fences it is code everywhere.
- The rules of a policy stand at the head of its file. In the reference they open what is said about its class.
"""

import re
from collections.abc import Iterator
from typing import Any

from griffe import Class, Extension, Module, Object

# The lines after an empty one that are indented by four or more, up to a line that is not.
_EXAMPLE = re.compile(r"(?<=\n\n)(?: {4}.*\n|\n(?= {4}))* {4}.*$", re.MULTILINE)
_SECTION = re.compile(r"^(?:Args|Returns|Raises|Attributes|Yields):$", re.MULTILINE)


class Docstrings(Extension):
    """What mkdocstrings calls for each docstring that it reads."""

    def on_object(self, *, obj: Object, **_: Any) -> None:
        """Fence the examples that stand before the sections, which are indented themselves."""
        if obj.docstring is not None:
            text = obj.docstring.value
            section = _SECTION.search(text)
            end = section.start() if section else len(text)
            obj.docstring.value = _EXAMPLE.sub(_fenced, text[:end]) + text[end:]

    def on_package(self, *, pkg: Object, **_: Any) -> None:
        """Put what the module of a policy says before what its class says."""
        for module in _modules(pkg["policies"]):
            about = [cls for cls in module.classes.values() if not cls.is_alias and _is_subject(cls)]
            if module.docstring and about and about[0].docstring:
                about[0].docstring.value = f"{module.docstring.value}\n\n{about[0].docstring.value}"


def _modules(package: Module) -> Iterator[Module]:
    for module in package.modules.values():
        yield from (module, *_modules(module))


def _is_subject(cls: Class) -> bool:
    return cls.name == "CSP" or "Policy" in map(str, cls.bases)


def _fenced(example: re.Match[str]) -> str:
    lines = [line.removeprefix("    ") for line in example[0].split("\n")]
    return "\n".join(["```python", *lines, "```"])
