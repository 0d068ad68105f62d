"""All that the application is made of, put together once."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy.ext.asyncio import AsyncEngine, async_sessionmaker

from asgisec import RateLimitGuard, by_principal
from asgisec.auth import AnyOf, APIKeyAuth, BearerAuth
from asgisec.credentials import APIKeys, LoginThrottle, PasswordHasher, PasswordPolicy
from asgisec.inputs import SafeDirectory
from asgisec.integrations.fastapi import SecurityGuard
from asgisec.stores import MemoryStore, SQLStore, open_store
from asgisec.tokens import KeySet, TokenIssuer
from examples.reference_api.access import SCOPES
from examples.reference_api.accounts import Accounts
from examples.reference_api.database import Sessions, make_engine
from examples.reference_api.settings import Settings

if TYPE_CHECKING:
    from asgisec.stores import RedisStore  # whoever counts in memory needs no redis


@dataclass(frozen=True)
class Parts:
    """What routes use.

    Attributes:
        engine: The database.
        sessions: Sessions in it.
        counters: Where requests are counted.
        accounts: The users.
        hasher: Hashes passwords.
        passwords: Judges new ones.
        issuer: Issues tokens.
        throttle: Slows guessing.
        api_keys: Makes API keys.
        auth: Finds out who is calling: a bearer token, or an API key.
        guard: Lets those call a route who may.
        exports: How often somebody may export.
        brochures: Files for everybody.
        files: Files for customers.
    """

    engine: AsyncEngine
    sessions: Sessions
    counters: "MemoryStore | RedisStore"
    accounts: Accounts
    hasher: PasswordHasher
    passwords: PasswordPolicy
    issuer: TokenIssuer
    throttle: LoginThrottle
    api_keys: APIKeys
    auth: AnyOf
    guard: SecurityGuard
    exports: RateLimitGuard
    brochures: SafeDirectory
    files: SafeDirectory


def make_parts(settings: Settings) -> Parts:
    """Put the parts together."""
    engine = make_engine(settings.database_url)
    sessions = async_sessionmaker(engine, expire_on_commit=False)
    hasher = PasswordHasher()
    accounts = Accounts(sessions, hasher)
    # Sessions and keys outlive a restart, so they are in the database; counts are asked for at each request.
    credentials = SQLStore(engine)
    counters = open_store(settings.store_url)
    if isinstance(counters, SQLStore):
        raise SystemExit("SHOP_STORE_URL is memory:// or redis://...")
    issuer = TokenIssuer(
        KeySet.from_secret(settings.secret),
        issuer=settings.issuer,
        audience="shop",
        store=credentials,
        # In the demonstration a refresh token that is used twice shall be found out at once.
        refresh_grace=0 if settings.demo else 10,
        subject_scopes=accounts.scopes_now,
    )
    api_keys = APIKeys(credentials, prefix="shop")
    auth = BearerAuth(issuer) | APIKeyAuth(api_keys)
    return Parts(
        engine=engine,
        sessions=sessions,
        counters=counters,
        accounts=accounts,
        hasher=hasher,
        passwords=PasswordPolicy(),
        issuer=issuer,
        throttle=LoginThrottle(counters),
        api_keys=api_keys,
        auth=auth,
        guard=SecurityGuard(auth, token_url="/auth/token", scopes=SCOPES, load=accounts.load),  # noqa: S106 - a path
        exports=RateLimitGuard("3/minute", key=by_principal, store=counters, name="exports"),
        brochures=SafeDirectory(settings.files / "public"),
        files=SafeDirectory(settings.files / "customers"),
    )
