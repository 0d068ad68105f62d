"""One id per request: in the scope, in every log record, on every response, so that a report finds its log lines.

- A well-formed inbound id is kept (1 to 128 of `A-Za-z0-9._~+/=:@-`), so that the id a gateway gave stays; any other is
  dropped and never reflected, which leaves no room for header or log injection.
- Otherwise an id is made: UUIDv7, 32 lower-case hexadecimal digits.
- `scope["state"]["request_id"]`, `request_id()`, and the response header exactly once, on every response. One that the
  application set stays.
- A valid W3C `traceparent` is continued: `trace_id()` is its trace id, `traceparent()` what to send with calls to other
  services. Where there is none, or an invalid one, a trace begins here.
- A second `RequestID` inside takes over the id of the first: a request has one.

This policy refuses nothing. Ids that clients choose can collide on purpose: never use one as a key of anything. At an
edge where clients are not trusted to correlate their own requests, say `trust_inbound=False`.
"""

import re
from collections.abc import Callable
from contextvars import Token
from dataclasses import dataclass, field
from typing import ClassVar, TypeAlias

from asgisec._exempt import is_coroutine_function
from asgisec._wire.headers import Pair
from asgisec.context import Trace, current, new_id, new_trace
from asgisec.errors import ConfigError
from asgisec.policies._options import a_bool, header_name
from asgisec.policy import Exchange, Policy

__all__ = ["RequestID"]

_WELL_FORMED = re.compile(rb"[A-Za-z0-9._~+/=:@-]{1,128}").fullmatch
_MEND = "write a callable that returns 1 to 128 of A-Za-z0-9._~+/=:@-"
_MEMO = "asgisec.trace"

# The ids, and, where they were begun in this pass, who did and how to end it.
_Memo: TypeAlias = tuple[Trace, "RequestID | None", Token[Trace | None] | None]
_NOBODY = (None, None, None)


@dataclass(frozen=True)
class RequestID(Policy):
    """Give every request an id.

    Args:
        header: The request and response header.
        trust_inbound: Keep a well-formed inbound id, and continue an inbound trace.
        generator: Makes an id; UUIDv7 where left out. What it makes must be well-formed.
        validator: Narrows which well-formed inbound ids are kept: one for which it is false, or raises, is dropped.
        update_request_header: Show the id to the application in its request headers, too.

    Raises:
        ConfigError: The header is no token, or the generator makes an id that is not well-formed.
    """

    header: str = "X-Request-ID"
    trust_inbound: bool = True
    generator: Callable[[], str] | None = None
    validator: Callable[[str], bool] | None = None
    update_request_header: bool = False
    _name: bytes = field(init=False, repr=False, compare=False)

    may_refuse: ClassVar[bool] = False
    tracks_names: ClassVar[bool] = True
    ends_at_once: ClassVar[bool] = True

    def __post_init__(self) -> None:
        object.__setattr__(self, "_name", header_name("RequestID(header=)", self.header))
        a_bool("RequestID(trust_inbound=)", self.trust_inbound)
        a_bool("RequestID(update_request_header=)", self.update_request_header)
        if self.validator is not None and (not callable(self.validator) or is_coroutine_function(self.validator)):
            raise ConfigError("RequestID(validator=)", self.validator, "write a plain function of an id, or None")
        if self.generator is not None:
            _try(self.generator)

    def on_request(self, exchange: Exchange) -> None:
        """Take the request's id, or make one."""
        memo = exchange.memo
        known: _Memo | None = None if exchange.outer is None else exchange.recall(_MEMO)
        if known is not None:
            memo[_MEMO] = (known[0], None, None)
        elif _MEMO not in memo:
            headers = exchange.headers
            inbound = headers.get(self._name) if self.trust_inbound else None
            if inbound is None or not self._is_kept(inbound):
                request_id = new_id() if self.generator is None else self._generate(self.generator)
            else:
                request_id = inbound.decode()
            state = exchange.scope.get("state")
            if state is None:
                exchange.scope["state"] = {"request_id": request_id}
            else:
                state["request_id"] = request_id
            trace = new_trace(Trace)
            trace.request_id = request_id
            trace.inbound = headers.get(b"traceparent") if self.trust_inbound else None
            trace.begun = None
            memo[_MEMO] = (trace, self, current.set(trace))
        if self.update_request_header:
            self._update(exchange)

    def _update(self, exchange: Exchange) -> None:
        scope = exchange.scope
        request_id = exchange.memo[_MEMO][0].request_id.encode()
        rest = [pair for pair in scope["headers"] if pair[0] != self._name]
        exchange.headers[self._name] = request_id
        scope["headers"] = [*rest, (self._name, request_id)]

    def _is_kept(self, inbound: bytes) -> bool:
        return _WELL_FORMED(inbound) is not None and (self.validator is None or self._valid(inbound))

    def _valid(self, inbound: bytes) -> bool:
        try:
            return bool(self.validator and self.validator(inbound.decode()))
        except Exception:  # noqa: BLE001 - validators such as `UUID` raise what they like; to drop the id is the safe side
            return False

    @staticmethod
    def _generate(generator: Callable[[], str]) -> str:
        # It was tried at construction. Should it make something else later, no response is worth a split header;
        # nor is its failure worth the request.
        try:
            made = generator()
        except Exception:  # noqa: BLE001 - generators raise what they like
            return new_id()
        return made if _is_id(made) else new_id()

    def on_response(self, exchange: Exchange, headers: list[Pair]) -> None:
        """Put the id on the response, unless one is there; of several leave the first."""
        name, names = self._name, exchange.names
        if name not in names:
            names.add(name)
            headers.append((name, exchange.memo[_MEMO][0].request_id.encode()))
        else:
            first = next(pair for pair in headers if pair[0] == name)
            headers[:] = [pair for pair in headers if pair[0] != name or pair is first]

    def on_end(self, exchange: Exchange, error: BaseException | None) -> None:
        """Leave the context as it was."""
        _, owner, token = exchange.memo.get(_MEMO, _NOBODY)
        if owner is self:
            try:
                current.reset(token)
            except ValueError:
                # A request's coroutine that nobody awaits any more is closed from another context, which never saw it.
                current.set(None)


def _try(generator: object) -> None:
    option = "RequestID(generator=)"
    if not callable(generator) or is_coroutine_function(generator):
        raise ConfigError(option, generator, _MEND)
    try:
        made = generator()
    except Exception as error:
        raise ConfigError(option, generator, _MEND) from error
    if not _is_id(made):
        raise ConfigError(option, made, _MEND)


def _is_id(made: object) -> bool:
    return isinstance(made, str) and made.isascii() and _WELL_FORMED(made.encode()) is not None
