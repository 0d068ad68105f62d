"""Refresh tokens against a model: issued, refreshed, replayed, revoked, disabled and expired, in any order."""

import asyncio
from dataclasses import dataclass, field

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, invariant, multiple, rule

from asgisec.errors import InvalidToken
from asgisec.stores import MemoryStore
from asgisec.tokens import TokenIssuer, TokenPair
from tests.tokens.minting import ISSUER, KEYS, NOW

GRACE, ACCESS, SESSION = 10.0, 60.0, 600.0
SUBJECTS = ("ada", "bob")


@dataclass
class Login:
    """A session as it should be: its tokens in order, and who used which when."""

    subject: str
    expires_at: float
    tokens: list[str]
    rotated_at: float = 0.0
    ended: bool = False


@dataclass(frozen=True)
class Given:
    """A pair, and the session it belongs to."""

    login: Login = field(hash=False, compare=False)
    pair: TokenPair = field(hash=False, compare=False)
    issued_at: float


class AgainstAModel(RuleBasedStateMachine):
    """The model is a list of tokens per session; the store has hashes, and one row."""

    given = Bundle("given")

    @initialize()
    def begin(self) -> None:
        self.now = float(NOW)
        self.disabled: set[str] = set()
        self.not_before = dict.fromkeys(SUBJECTS, 0.0)
        self.logins: list[Login] = []
        self.revoked: set[str] = set()
        store = MemoryStore(clock=lambda: self.now)
        self.issuer = TokenIssuer(
            KEYS,
            issuer=ISSUER,
            audience="api",
            store=store,
            access_ttl=ACCESS,
            refresh_ttl=SESSION,
            refresh_grace=GRACE,
            subject_scopes=lambda subject: None if subject in self.disabled else ["a"],
            clock=lambda: self.now,
        )
        self.verifier = self.issuer.verifier()

    @rule(target=given, subject=st.sampled_from(SUBJECTS))
    def issue(self, subject: str) -> object:
        if self.now <= self.not_before[subject]:
            # At the very moment of a revocation nobody can tell which was first.
            with pytest.raises(InvalidToken):
                asyncio.run(self.issuer.issue(subject, ["a"]))
            return multiple()
        pair = asyncio.run(self.issuer.issue(subject, ["a"]))
        assert pair.refresh_token is not None
        login = Login(subject, self.now + SESSION, [pair.refresh_token])
        self.logins.append(login)
        return Given(login, pair, self.now)

    @rule(target=given, presented=given)
    def refresh(self, presented: Given) -> object:
        login, token = presented.login, presented.pair.refresh_token
        assert token is not None
        place = login.tokens.index(token)
        last = len(login.tokens) - 1
        expected = None
        if self.now >= login.expires_at:
            expected = "unknown_token"
        elif login.ended:
            expected = "revoked"
        elif login.subject in self.disabled:
            expected, login.ended = "subject_gone", True
        elif place < last and not (place == last - 1 and self.now < login.rotated_at + GRACE):
            expected, login.ended = "reused", True
        if expected is not None:
            with pytest.raises(InvalidToken) as refusal:
                asyncio.run(self.issuer.refresh(token))
            assert refusal.value.reason == expected
            return multiple()
        pair = asyncio.run(self.issuer.refresh(token))
        assert pair.refresh_token is not None
        if place == last:
            assert pair.refresh_token not in login.tokens
            login.tokens.append(pair.refresh_token)
            login.rotated_at = self.now
        else:
            assert pair.refresh_token == login.tokens[last]
        return Given(login, pair, self.now)

    @rule(presented=given)
    def revoke_by_refresh_token(self, presented: Given) -> None:
        asyncio.run(self.issuer.revoke(str(presented.pair.refresh_token)))
        presented.login.ended = True

    @rule(presented=given)
    def revoke_an_access_token(self, presented: Given) -> None:
        asyncio.run(self.issuer.revoke(presented.pair.access_token))
        self.revoked.add(presented.pair.access_token)

    @rule(subject=st.sampled_from(SUBJECTS))
    def revoke_a_subject(self, subject: str) -> None:
        asyncio.run(self.issuer.revoke_subject(subject))
        self.not_before[subject] = self.now
        for login in self.logins:
            login.ended = login.ended or login.subject == subject

    @rule(subject=st.sampled_from(SUBJECTS))
    def disable_or_enable(self, subject: str) -> None:
        self.disabled ^= {subject}

    @rule(seconds=st.sampled_from([0.001, 1.0, GRACE, ACCESS, SESSION]))
    def wait(self, seconds: float) -> None:
        self.now += seconds

    @rule(presented=given)
    def use(self, presented: Given) -> None:
        login, token = presented.login, presented.pair.access_token
        over = self.now >= min(presented.issued_at + ACCESS, login.expires_at)
        by_subject = presented.issued_at <= self.not_before[login.subject]
        try:
            asyncio.run(self.verifier.authenticate(token))
            good = True
        except InvalidToken:
            good = False
        assert good is not (over or login.ended or token in self.revoked or by_subject)

    @invariant()
    def sessions_are_those_that_can_be_refreshed(self) -> None:
        for subject in SUBJECTS:
            live = [login for login in self.logins if login.subject == subject and not login.ended]
            listed = asyncio.run(self.issuer.sessions(subject))
            assert len(listed) == sum(self.now < login.expires_at for login in live)


AgainstAModel.TestCase.settings = settings(max_examples=40, stateful_step_count=30, deadline=None)
TestRefreshTokens = AgainstAModel.TestCase
