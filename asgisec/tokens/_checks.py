"""What the claims of a token have to say (RFC 7519 section 4.1, RFC 9068 section 4)."""

from collections.abc import Iterable
from typing import Any

from asgisec.tokens._reasons import refused

__all__ = ["Checks"]

_LAST_DATE = 253_402_300_800  # the year 10000: what is later is no date, and no reader of dates takes it
# Who, which token, which session: these become keys and log fields, so they are text.
_TEXTS = ("sub", "jti", "sid", "client_id", "azp")
_MAX_TEXT = 1024


class Checks:
    """The checks of one verifier.

    Args:
        issuer: The one `iss`, to the letter (RFC 9207 section 2.4).
        audience: What we are called.
        audience_claim: Where that is said.
        required: What must be there besides `exp`, `iss` and the audience.
        leeway: Seconds that clocks may differ.
    """

    __slots__ = ("_audience", "_audience_claim", "_issuer", "_leeway", "_required")

    def __init__(
        self, *, issuer: str, audience: frozenset[str], audience_claim: str, required: Iterable[str], leeway: float
    ) -> None:
        self._issuer = issuer
        self._audience = audience
        self._audience_claim = audience_claim
        self._required = frozenset({*required, "exp", "iss", audience_claim})
        self._leeway = leeway

    def check(self, claims: dict[str, Any], now: float) -> tuple[float, float]:
        """Return from when until when these claims are good.

        Raises:
            InvalidToken: They are not good now, or not for us.
        """
        if not self._required <= claims.keys():
            raise refused("claim_missing")
        for name in _TEXTS:
            if name in claims:
                value = claims[name]
                if type(value) is not str or not 0 < len(value) <= _MAX_TEXT:
                    raise refused("claim_malformed")
        issuer = claims["iss"]
        if type(issuer) is not str:
            raise refused("claim_malformed")
        if issuer != self._issuer:
            raise refused("issuer")
        self._check_audience(claims[self._audience_claim])
        end = _date(claims["exp"]) + self._leeway
        begin = max([_date(claims[name]) for name in ("nbf", "iat") if name in claims], default=0.0) - self._leeway
        if now >= end:
            raise refused("expired")
        if now < begin:
            raise refused("not_yet_valid")
        return begin, end

    def _check_audience(self, said: object) -> None:
        if type(said) is str:
            if said in self._audience:
                return
        elif type(said) is not list or not all(type(one) is str for one in said):
            raise refused("claim_malformed")
        elif not self._audience.isdisjoint(said):
            return
        raise refused("audience")


def _date(value: object) -> float:
    # A boolean is an int to Python, and text is a date to some; to us neither is.
    if (type(value) is int or type(value) is float) and 0 <= value < _LAST_DATE:
        return value
    raise refused("claim_malformed")
