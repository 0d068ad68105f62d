"""HTML from people: what a policy allows stays, everything else goes, and nothing in what is left can run.

The rules:

- The text is parsed as a browser parses it, and written anew from the tree. Nothing is searched for with patterns.
- Only listed elements and attributes survive. An element that is not listed goes and its text stays; `script`,
  `style` and their like go with all they hold.
- URLs survive only with a listed scheme. Relative URLs, `//host` among them, go unless they are allowed.
- The answer is settled: cleaning it once more changes nothing.
- The length is checked before the parser sees a character.

Text that is too long raises `ContentTooLarge`, a 413 and a `ValueError`; what is not text raises `ValueError`. A half
of a surrogate pair becomes U+FFFD, as in a browser.

The answer belongs between tags. It is not made for attributes, scripts, style sheets or URLs, where other characters
are special.

    >>> sanitize_html('<b onclick="steal()">Hello</b> <script>steal()</script>')
    '<b>Hello</b> '
    >>> strip_html("<b>1 &lt; 2</b>")
    '1 &lt; 2'
"""

import re
from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Literal, Self

import nh3

from asgisec.errors import ConfigError, ContentTooLarge
from asgisec.inputs._html_names import (
    ACTIVE_ATTRIBUTES,
    ACTIVE_ELEMENTS,
    ACTIVE_SCHEMES,
    DROPPED_WITH_CONTENT,
    RESTLESS,
    UNSETTLING,
)

__all__ = ["HTMLPolicy", "sanitize_html", "strip_html"]

# Several times the longest comment that large forums take. Prose of this length is parsed in milliseconds, the worst
# nesting that we know of in 0.2 s.
_MAX_LENGTH = 50_000

# Formatting elements that are open when their paragraph ends are opened anew in the next one, and in each after it
# (HTML standard, section 13.2.4.3): 4,500 of them and 5,000 paragraphs, 84 kB, became 158 MB in half a minute. The
# parser keeps three of the same name and attributes, so it is attributes that make many. Where the product, the most
# elements that could come of it, is past this, formatting loses its attributes.
_MAX_REOPENED = 500_000
_REOPENED = re.compile(r"<(b|big|code|em|font|i|nobr|s|small|strike|strong|tt|u)[\s/][^>]*(?:>|\Z)", re.IGNORECASE)

# Each pass can only take nesting away, so real text settles in two; more is a text made to be re-parsed.
_MAX_PASSES = 8

_NAME = re.compile(r"[a-z][a-z0-9-]*\Z")
_SCHEME = re.compile(r"[a-z][a-z0-9+.-]*\Z")


@dataclass(frozen=True, slots=True, kw_only=True)
class HTMLPolicy:
    """What may stay in HTML that somebody else wrote. Everything that is not listed goes.

    Args:
        tags: Element names, in lower case. Elements that run or load something cannot be listed.
        attributes: The attributes of each element; those under `"*"` are allowed on all. Handlers, `style`, and what
            scripts find elements by (`id`, `name`) cannot be listed.
        url_schemes: The schemes a link or an image may have.
        relative_urls: Whether URLs without a scheme may stay. `//host/path` is one of them.
        link_rel: What every link says in `rel`: the page a link opens gets no handle and no address of yours, and
            search engines do not count it. `None` leaves `rel` away.
        max_length: The longest text that is parsed, in code points.

    Raises:
        ConfigError: An option that is misspelt, or that would let something run.
    """

    tags: AbstractSet[str] = frozenset()
    attributes: Mapping[str, AbstractSet[str]] = field(default_factory=dict, hash=False)
    url_schemes: AbstractSet[str] = frozenset({"https"})
    relative_urls: bool = False
    link_rel: str | None = "noopener noreferrer nofollow ugc"
    max_length: int = _MAX_LENGTH
    _cleaner: nh3.Cleaner = field(init=False, repr=False, compare=False)
    _scans: tuple[re.Pattern[str], re.Pattern[str]] | None = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        _check_tags(self.tags)
        _check_attributes(self.attributes, self.tags, self.link_rel)
        _check_schemes(self.url_schemes)
        if not _is_count(self.max_length):
            raise ConfigError("HTMLPolicy(max_length=)", self.max_length, "give a number of characters above zero")
        frozen = {tag: frozenset(names) for tag, names in self.attributes.items()}
        object.__setattr__(self, "tags", frozenset(self.tags))
        object.__setattr__(self, "url_schemes", frozenset(self.url_schemes))
        object.__setattr__(self, "attributes", MappingProxyType(frozen))
        object.__setattr__(self, "_cleaner", self._built(frozen))
        object.__setattr__(self, "_scans", _scans(self.tags))

    @classmethod
    def comment(cls, *, max_length: int = _MAX_LENGTH) -> Self:
        """Allow what a comment needs: paragraphs, emphasis, lists, and links to https."""
        return cls(
            tags=frozenset({"a", "b", "br", "em", "i", "li", "ol", "p", "strong", "ul"}),
            attributes={"a": frozenset({"href"})},
            max_length=max_length,
        )

    @classmethod
    def none(cls, *, max_length: int = _MAX_LENGTH) -> Self:
        """Allow no markup at all: the text stays, still escaped for a page."""
        return cls(max_length=max_length)

    def clean(self, text: str) -> str:
        """Return `text` with everything gone that this policy does not allow.

        Raises:
            ContentTooLarge: The text is longer than `max_length`.
            ValueError: It is not text.
        """
        if not isinstance(text, str):
            raise ValueError("HTML must be text")  # noqa: TRY004 - bad input is a ValueError here, whatever is bad
        if len(text) > self.max_length:
            raise ContentTooLarge
        if (tags := text.count("<")) ** 2 > _MAX_REOPENED:
            text = _bounded(text, tags)
        try:
            cleaned = self._cleaner.clean(text)
        except UnicodeEncodeError:
            text = text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
            cleaned = self._cleaner.clean(text)
        if self._scans is None:
            return cleaned
        unknown, restless = self._scans
        return self._settled(cleaned) if unknown.search(text) and restless.search(text) else cleaned

    def _settled(self, cleaned: str) -> str:
        for _ in range(_MAX_PASSES):
            again = self._cleaner.clean(cleaned)
            if again == cleaned:
                return cleaned
            cleaned = again
        return _PRESETS["none"]._cleaner.clean(cleaned)  # noqa: SLF001 - text that never settles is left as bare text

    def _built(self, attributes: dict[str, frozenset[str]]) -> nh3.Cleaner:
        return nh3.Cleaner(
            tags=set(self.tags),
            clean_content_tags=set(DROPPED_WITH_CONTENT),
            # Without an entry of its own, "*" would mean the library's default, not nothing.
            attributes={"*": set()} | {tag: set(names) for tag, names in attributes.items()},
            url_schemes=set(self.url_schemes),
            url_relative="pass_through" if self.relative_urls else "deny",
            link_rel=self.link_rel,
        )


def sanitize_html(text: str, policy: Literal["comment", "none"] | HTMLPolicy = "comment") -> str:
    """Return HTML that is safe between the tags of a page, with only what the policy allows.

    Args:
        text: HTML of any origin, well-formed or not.
        policy: `"comment"` (paragraphs, emphasis, lists, https links), `"none"` (text only), or a policy of your own,
            made once and kept.

    Raises:
        ContentTooLarge: The text is longer than the policy's `max_length`.
        ConfigError: There is no policy of that name.
    """
    if isinstance(policy, HTMLPolicy):
        return policy.clean(text)
    preset = _PRESETS.get(policy)
    if preset is None:
        raise ConfigError("sanitize_html(policy=)", policy, 'write "comment", "none" or an HTMLPolicy')
    return preset.clean(text)


def strip_html(text: str) -> str:
    """Return the text without any markup, still escaped: `&lt;` stays `&lt;`, so that it is safe in a page as it is."""
    return _PRESETS["none"].clean(text)


def _bounded(text: str, tags: int) -> str:
    reopened = sum(1 for _ in _REOPENED.finditer(text))
    return _REOPENED.sub(r"<\1>", text) if reopened * tags > _MAX_REOPENED else text


def _scans(tags: AbstractSet[str]) -> tuple[re.Pattern[str], re.Pattern[str]] | None:
    """Return what finds a tag that is not known to be calm, and what finds a restless one."""
    # Taking an element away can leave a nesting that no parser builds: the <table> of <p><table><td><p> gone, a <p> is
    # left in a <p>, and parsing that again gives something else. Only elements that hold a scope open do this (HTML
    # standard, sections 13.2.4.2 and 13.2.4.3), so only text that names one pays for a second pass.
    if not tags:
        return None
    tails: dict[str, list[str]] = {}
    for name in sorted(RESTLESS | (UNSETTLING - tags)):
        tails.setdefault(name[0], []).append(name[1:])
    # By first letters: ten times as fast as one long list of names without regard to case.
    restless = "|".join(f"[{first}{first.upper()}](?i:{'|'.join(rest)})" for first, rest in tails.items())
    calm = "|".join(sorted(tags - RESTLESS)) or "(?!)"
    return re.compile(rf"<(?=[A-Za-z])(?!(?:{calm})[\s/>])"), re.compile(f"<(?:{restless})")


def _check_tags(tags: AbstractSet[str]) -> None:
    if isinstance(tags, str):
        raise ConfigError("HTMLPolicy(tags=)", tags, "give a set of names, such as {'p'}")
    for tag in tags:
        if not _is_named(tag, _NAME):
            raise ConfigError("HTMLPolicy(tags=)", tag, "write element names in lower case, such as 'p'")
        if tag in ACTIVE_ELEMENTS:
            raise ConfigError("HTMLPolicy(tags=)", tag, "leave it away: it runs, loads or hides something in a page")


def _check_attributes(attributes: Mapping[str, AbstractSet[str]], tags: AbstractSet[str], link_rel: str | None) -> None:
    for tag, names in attributes.items():
        if tag != "*" and tag not in tags:
            raise ConfigError("HTMLPolicy(attributes=)", tag, "list the element in tags too, or leave it away")
        if isinstance(names, str):
            raise ConfigError("HTMLPolicy(attributes=)", names, "give a set of names, such as {'href'}")
        for name in names:
            if not _is_named(name, _NAME):
                raise ConfigError("HTMLPolicy(attributes=)", name, "write attribute names in lower case")
            if name.startswith("on") or name in ACTIVE_ATTRIBUTES:
                raise ConfigError("HTMLPolicy(attributes=)", name, "leave it away: scripts and styles hang on it")
        if "rel" in names and link_rel is not None:
            raise ConfigError("HTMLPolicy(attributes=)", "rel", "leave it away, or set link_rel=None")


def _check_schemes(schemes: AbstractSet[str]) -> None:
    if isinstance(schemes, str):
        raise ConfigError("HTMLPolicy(url_schemes=)", schemes, "give a set of names, such as {'https'}")
    for scheme in schemes:
        if not _is_named(scheme, _SCHEME):
            raise ConfigError("HTMLPolicy(url_schemes=)", scheme, "write schemes in lower case, such as 'https'")
        if scheme in ACTIVE_SCHEMES:
            raise ConfigError("HTMLPolicy(url_schemes=)", scheme, "leave it away: such a URL runs or reads something")


def _is_named(name: object, grammar: re.Pattern[str]) -> bool:
    return isinstance(name, str) and grammar.match(name) is not None


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value > 0


_PRESETS = {"comment": HTMLPolicy.comment(), "none": HTMLPolicy.none()}
