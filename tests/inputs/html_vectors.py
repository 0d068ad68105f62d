"""Attacks by HTML. `FIRE` stands for a call that tells the test that code ran.

Those of `LIVE` run in today's Chromium when nobody cleans them, with a little help of a reader who clicks and points
(`POKE`); the tests prove it in the same run. Those of `DORMANT` ran in other browsers, in other times, or behind a
cleaner that parses otherwise than the browser; they must come out as harmless as the others.
"""

LIVE = {
    "script": "<script>FIRE</script>",
    "script in capitals with a slash": "<SCRIPT/x>FIRE</SCRIPT/y>",
    "script behind a stray bracket": "<<script>FIRE//<</script>",
    "script broken over lines": "<script\n\t>FIRE</script\n>",
    "script of an svg": "<svg><script>FIRE</script></svg>",
    "script of an svg with entities": "<svg><script>&#x20;FIRE</script></svg>",
    "script from a data url": "<script src=data:text/javascript,FIRE></script>",
    "module script": "<script type=module>FIRE</script>",
    "image error": "<img src=x: onerror=FIRE>",
    "image error without spaces": "<img/src='x:'/onerror=FIRE>",
    "image error after a quote": '<img src="x:"onerror=FIRE>',
    "image error in capitals": "<IMG SRC=x: ONERROR=FIRE>",
    "image error over lines": "<img\nsrc=x:\x0conerror\r=\nFIRE>",
    "image by its old name": "<image src=x: onerror=FIRE>",
    "image in a list": "<ul><li><img src=x: onerror=FIRE></ul>",
    "svg load": "<svg onload=FIRE>",
    "svg load without spaces": "<svg/onload=FIRE>",
    "svg animation begins": "<svg><animate onbegin=FIRE attributeName=x dur=1s>",
    "svg set begins": "<svg><set onbegin=FIRE attributeName=x dur=1s></svg>",
    "svg image error": "<svg><image href=x: onerror=FIRE></svg>",
    "svg link": "<svg><a href=javascript:FIRE><text y=20>x</text></a></svg>",
    "svg link by xlink": "<svg><a xlink:href=javascript:FIRE><text y=20>x</text></a></svg>",
    "svg link animated": "<svg><a><animate attributeName=href values=javascript:FIRE /><text y=20>x</text></a></svg>",
    "svg foreign object": "<svg><foreignObject><img src=x: onerror=FIRE></foreignObject></svg>",
    "svg title escape": "<svg><title><img src=x: onerror=FIRE></title></svg>",
    "svg style escape": "<svg><style><img src=x: onerror=FIRE></style></svg>",
    "math text escape": "<math><mtext><img src=x: onerror=FIRE></mtext></math>",
    "math annotation": "<math><annotation-xml encoding=text/html><img src=x: onerror=FIRE></annotation-xml></math>",
    "table and mglyph": (
        "<math><mtext><table><mglyph><style><!--</style><img title='--&gt;' src=x: onerror=FIRE></mtext></math>"
    ),
    "body load": "<body onload=FIRE>",
    "body page show": "<body onpageshow=FIRE>",
    "frame with a page": "<iframe srcdoc='<script>parent.FIRE</script>'></iframe>",
    "frame with a script url": "<iframe src=javascript:parent.FIRE></iframe>",
    "frame load": "<iframe onload=FIRE></iframe>",
    "video source error": "<video><source src=x: onerror=FIRE></video>",
    "audio error": "<audio src=x: onerror=FIRE></audio>",
    "style load": "<style onload=FIRE></style>",
    "link error": "<link rel=stylesheet href=x: onerror=FIRE>",
    "input image error": "<input type=image src=x: onerror=FIRE>",
    "details toggle": "<details open ontoggle=FIRE>x</details>",
    "autofocus": "<input autofocus onfocus=FIRE>",
    "focus of an unknown element": "<x-y tabindex=1 onfocus=FIRE>x</x-y>",
    "animation of an unknown element": (
        "<style>@keyframes k{}</style><x-y style='animation:k 1s' onanimationstart=FIRE>x</x-y>"
    ),
    "mouse over": "<b onmouseover=FIRE>x</b>",
    "mouse over a link": "<a href=https://example.com onmouseover=FIRE>x</a>",
    "pointer": "<i onpointerenter=FIRE>x</i>",
    "click": "<p onclick=FIRE>x</p>",
    "wheel": "<li onwheel=FIRE>x</li>",
    "copy": "<em oncopy=FIRE>x</em>",
    "handler with spaces around": "<b onclick = FIRE>x</b>",
    "handler with entities": "<b onclick=&#x20;FIRE>x</b>",
    "handler after a slash": "<b/onclick=FIRE//>x</b>",
    "handler in a closed quote": "<b title='\"'onclick=FIRE>x</b>",
    "link": "<a href=javascript:FIRE>x</a>",
    "link in mixed case": "<a href=jAvAsCrIpT:FIRE>x</a>",
    "link behind a space": "<a href=' javascript:FIRE'>x</a>",
    "link behind controls": "<a href='&#1;&#31;javascript:FIRE'>x</a>",
    "link broken by a tab": "<a href='java\tscript:FIRE'>x</a>",
    "link broken by lines": "<a href='jav&#10;ascr&#13;ipt:FIRE'>x</a>",
    "link with entities": "<a href=&#106&#97&#118&#97&#115&#99&#114&#105&#112&#116&#58FIRE>x</a>",
    "link with named entities": "<a href='javascript&colon;FIRE'>x</a>",
    "link with a comment for a host": "<a href='javascript://example.com/%0aFIRE'>x</a>",
    "link of an area": "<map><area href=javascript:FIRE shape=default>x</map>",
    "form action": "<form action=javascript:FIRE><button>x</button></form>",
    "button form action": "<form><button formaction=javascript:FIRE>x</button></form>",
    "input form action": "<form><input type=submit formaction=javascript:FIRE></form>",
    "comment that ends early": "<!--><img src=x: onerror=FIRE>-->",
    "comment that ends with a bang": "<!-- --!><img src=x: onerror=FIRE> -->",
    "declaration": "<!x><img src=x: onerror=FIRE>",
    "processing instruction": "<?x ><img src=x: onerror=FIRE>?>",
    "character data": "<![CDATA[><img src=x: onerror=FIRE>]]>",
    "character data of an svg": "<svg><![CDATA[>]]><img src=x: onerror=FIRE>",
    "title that ends": "<title>x</title><img src=x: onerror=FIRE>",
    "text area that ends": "<textarea>x</textarea><img src=x: onerror=FIRE>",
    "noscript in a head": "<noscript><p title='</noscript><img src=x: onerror=FIRE>'>",
    "plain text area in an attribute": "<textarea><p title='</textarea><img src=x: onerror=FIRE>'>",
    "style in an attribute": "<style><p title='</style><img src=x: onerror=FIRE>'>",
    "raw text of old": "<xmp><p title='</xmp><img src=x: onerror=FIRE>'>",
    "template with a shadow": "<div><template shadowrootmode=open><img src=x: onerror=FIRE></template></div>",
    "popover": "<button popovertarget=p>x</button><p id=p popover onbeforetoggle=FIRE>y</p>",
    "dialog button": "<dialog open><button onclick=FIRE>x</button></dialog>",
    "select in a table": "<table><select><tr><td><img src=x: onerror=FIRE></table>",
    "nested formatting": "<b><i><a><table><a><img src=x: onerror=FIRE></table>",
    "long way down": "<b>" * 300 + "<img src=x: onerror=FIRE>",
    "many attributes": "<b " + " ".join(f"a{n}=1" for n in range(500)) + " onclick=FIRE>x</b>",
    "tables in tables": "<table><tr><td>" * 100 + "<b onclick=FIRE>x",
    "NUL before the end of a name": "<img\x00 src=x:><svg onload=FIRE>",
}

DORMANT = {
    "image left open": "<img src=x: onerror=FIRE ",
    "embedded script url": "<embed src=javascript:parent.FIRE>",
    "object error": "<object data=x: onerror=FIRE></object>",
    "transition": "<b style='transition:color 1s' ontransitionrun=FIRE onmouseover='this.style.color=\"red\"'>x</b>",
    "marquee start": "<marquee onstart=FIRE>x</marquee>",
    "form in a form through math": (
        "<form><math><mtext></form><form><mglyph><style></math><img src=x: onerror=FIRE></style></mglyph></form>"
    ),
    "escaped once": "&lt;script&gt;FIRE&lt;/script&gt;",
    "escaped twice": "&amp;lt;img src=x: onerror=FIRE&amp;gt;",
    "escaped by number": "&#60;img src=x: onerror=FIRE&#62;",
    "full-width brackets": "＜script＞FIRE＜/script＞",
    "NUL in a name": "<scr\x00ipt>FIRE</scr\x00ipt>",
    "NUL in a handler": "<img src=x: on\x00error=FIRE>",
    "UTF-7": "+ADw-script+AD4-FIRE+ADw-/script+AD4-",
    "overlong bracket, read as Latin-1": "À¼script>FIREÀ¼/script>",
    "expression of style": "<b style='width:expression(FIRE)'>x</b>",
    "behaviour of style": "<b style='behavior:url(x)'>x</b>",
    "binding of style": "<b style='-moz-binding:url(x)'>x</b>",
    "image with a script url": "<img src=javascript:FIRE>",
    "background with a script url": "<table background=javascript:FIRE><tr><td>x</table>",
    "base with a script url": "<base href=javascript:FIRE//><a href=x>x</a>",
    "refresh to a script url": "<meta http-equiv=refresh content='0;url=javascript:FIRE'>",
    "refresh to a data url": "<meta http-equiv=refresh content='0;url=data:text/html,<script>FIRE</script>'>",
    "vbscript link": "<a href=vbscript:FIRE>x</a>",
    "data link": "<a href='data:text/html,<script>FIRE</script>'>x</a>",
    "blob link": "<a href=blob:https://example.com/1>x</a>",
    "file link": "<a href=file:///etc/passwd>x</a>",
    "http link": "<a href=http://example.com>x</a>",
    "link to another host without a scheme": "<a href=//evil.example>x</a>",
    "link with backslashes": "<a href='\\\\evil.example'>x</a>",
    "relative link": "<a href=/logout>x</a>",
    "link with a user and a script": "<a href='https:javascript:FIRE'>x</a>",
    "name that shadows a variable": "<a id=config href=https://example.com>x</a><img name=body>",
    "form that shadows children": "<form id=f><input name=attributes><input name=parentNode></form>",
    "unclosed attribute": "<a href='https://example.com",
    "unclosed comment": "<!-- <b onclick=FIRE>",
    "unclosed script": "<script>FIRE",
    "unclosed element": "<b onclick=FIRE",
    "only a bracket": "<",
    "half a surrogate pair": "<b onclick=FIRE>\ud83d</b>",
    "end tags only": "</p></br></script></b>",
    "html component": "<?import namespace=t implementation=FIRE>",
    "xml island": "<xml onreadystatechange=FIRE></xml>",
    "conditional comment": "<!--[if gte IE 4]><script>FIRE</script><![endif]-->",
    "comments in comments": "<!--" * 200 + "FIRE" + "-->" * 200,
    "paragraphs through tables": "<p><table><td>" * 40 + "x",
}

# What a reader may do, all of it at once, and a little time for what comes late.
POKE = """
async function poke(root) {
  const events = ['click', 'mouseover',
    'mouseenter', 'pointerenter', 'wheel', 'copy', 'focus', 'toggle', 'beforetoggle'];
  for (const element of root.querySelectorAll('*')) {
    element.focus && element.focus();
    for (const kind of events) {
      const event = new MouseEvent(kind, {bubbles: true, cancelable: true});
      const away = element.closest('a[href]');
      const leads = away && String(away.href.baseVal ?? away.href);
      if (away && !leads.startsWith('javascript:'))
        away.addEventListener('click', e => e.preventDefault(), {once: true});
      element.dispatchEvent(event);
    }
  }
}
const later = milliseconds => new Promise(done => setTimeout(done, milliseconds));
"""
