"""Users as the login, the guard and the refresh ask for them."""

from dataclasses import dataclass

from sqlalchemy import select

from asgisec.auth import Principal
from asgisec.auth.scopes import covers
from asgisec.credentials import PasswordHasher
from examples.reference_api.access import ROLES, Caller
from examples.reference_api.database import Sessions
from examples.reference_api.tables import User


@dataclass(frozen=True)
class LoggedIn:
    """Who logged in: what the token endpoint asks of a user."""

    subject: str
    scopes: frozenset[str]


class Accounts:
    """Who there is.

    The subject of a token and the owner of an API key is the user's id: names can be given to somebody else.
    """

    def __init__(self, sessions: Sessions, hasher: PasswordHasher) -> None:
        self._sessions = sessions
        self._hasher = hasher

    async def log_in(self, username: str, password: str) -> LoggedIn | None:
        """Return who has this name and password. Names that there are not cost as much as those that there are."""
        async with self._sessions() as session:
            user = await session.scalar(select(User).where(User.username == username))
        result = await self._hasher.verify(password, user.password_hash if user else None)
        if user is None or not result.ok or not user.active:
            return None
        if result.new_hash is not None:
            await self._keep_hash(user.id, result.new_hash)
        return LoggedIn(str(user.id), ROLES.scopes_of(user.role))

    async def scopes_now(self, subject: str) -> frozenset[str] | None:
        """Return what a user may by now, for a session that is refreshed; `None` ends it."""
        user = await self._find(subject)
        return None if user is None else ROLES.scopes_of(user.role)

    async def load(self, principal: Principal) -> Caller | None:
        """Return who is calling; `None` refuses the credential of a user who is gone, disabled, or may less by now.

        Whoever takes a role away revokes what was issued; what is issued at that very moment is found out here.
        """
        user = await self._find(principal.subject)
        if user is None or not covers(ROLES.scopes_of(user.role), principal.scopes):
            return None
        return Caller(user.id, user.username, user.role, principal)

    async def _find(self, subject: str) -> User | None:
        async with self._sessions() as session:
            user = await session.get(User, int(subject))
        return user if user is not None and user.active else None

    async def _keep_hash(self, user_id: int, new_hash: str) -> None:
        async with self._sessions.begin() as session:
            user = await session.get_one(User, user_id)
            user.password_hash = new_hash
