"""The names that decide in HTML: what can never be allowed, and what disturbs a parser when it is taken away."""

__all__ = [
    "ACTIVE_ATTRIBUTES",
    "ACTIVE_ELEMENTS",
    "ACTIVE_SCHEMES",
    "DROPPED_WITH_CONTENT",
    "RESTLESS",
    "UNSETTLING",
]


def _set(names: str) -> frozenset[str]:
    return frozenset(names.split())


# What these hold is not text for a reader: it is code, or a page of its own, or fallback that no browser shows.
DROPPED_WITH_CONTENT = _set("iframe noembed noframes noscript script style template title")

# Elements that run or load something, send forms, change what the rest of the page means, or whose content another
# parser reads by other rules (raw text, SVG, MathML: the stuff of mutation XSS).
ACTIVE_ELEMENTS = DROPPED_WITH_CONTENT | _set(
    "applet audio base body button canvas dialog embed fencedframe form frame frameset head html image input link "
    "listing marquee math meta object optgroup option output param plaintext portal select slot svg textarea "
    "video xmp"
)

# `id` and `name` shadow the page's own variables ("DOM clobbering"); `srcset` and `ping` hold lists of URLs that are
# not checked one by one; the rest runs, styles or re-targets.
ACTIVE_ATTRIBUTES = _set(
    "action attributionsrc autofocus background contenteditable data download form formaction http-equiv id is "
    "manifest name nonce part ping popover popovertarget slot srcdoc srcset style tabindex target xmlns"
)

ACTIVE_SCHEMES = _set("about blob data file filesystem intent jar javascript livescript mhtml vbscript view-source")

# Elements that hold a scope open while they stand ("special" in the HTML standard, section 13.2.4.2).
UNSETTLING = _set(
    "address article aside blockquote center dd details dir div dl dt fieldset figcaption figure footer header "
    "hgroup hr li main menu nav ol p section summary ul"
)

# Elements that re-arrange what stands around them, whether they are kept or not, and the two foreign languages.
RESTLESS = _set(
    "applet body button caption col colgroup form frameset h1 h2 h3 h4 h5 h6 head html listing marquee math nobr "
    "object optgroup option plaintext pre rp rt ruby search select svg table tbody td template textarea tfoot th "
    "thead tr xmp"
)
