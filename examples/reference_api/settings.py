"""What differs from one place to the next: read from environment variables, once, when the application is made."""

import os
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, Self

Environment = Literal["development", "production"]


@dataclass(frozen=True, kw_only=True)
class Settings:
    """How one instance runs.

    Attributes:
        environment: `development` allows pages of this machine, and has demo users; `production` refuses to start with
            what must not ship.
        hosts: The hosts it answers for.
        origins: The origins whose pages may call it.
        proxies: The proxies in front of it.
        database_url: Where users, orders, sessions and API keys are.
        store_url: Where requests and logins are counted: `redis://...` where there is more than one process.
        secret: What signs tokens; every process needs the same.
        issuer: What tokens say of where they come from.
        files: The directory of what can be downloaded: `public`, and `customers`.
        requests: How many requests one client may send, and one user.
        logins: How many of these may be logins and refreshes.
        demo: Whether there are demo users and keys.
    """

    environment: Environment = "development"
    hosts: tuple[str, ...] = ("127.0.0.1", "localhost")
    origins: tuple[str, ...] = ("https://app.example.com",)
    proxies: tuple[str, ...] = ()
    database_url: str = field(repr=False)
    store_url: str = field(default="memory://", repr=False)
    secret: str = field(repr=False)
    issuer: str = "https://shop.example.com"
    files: Path = Path(__file__).parent / "files"
    requests: str = "600/minute"
    logins: str = "60/minute"
    demo: bool = True

    @classmethod
    def from_environment(cls, environ: Mapping[str, str] = os.environ) -> Self:
        """Read the variables that begin with `SHOP_`; in production, those that have no safe default must be there."""
        given = {name.removeprefix("SHOP_").lower(): value for name, value in environ.items()}
        environment: Any = given.get("environment", "development")
        if environment not in ("development", "production"):
            raise SystemExit("SHOP_ENVIRONMENT is development or production")
        if environment == "production":
            for name in ("hosts", "database_url", "secret"):
                if not given.get(name):
                    raise SystemExit(f"SHOP_{name.upper()} is needed in production")
        options: dict[str, Any] = {
            name: tuple(given[name].split()) for name in ("hosts", "origins", "proxies") if name in given
        }
        options |= {name: given[name] for name in ("store_url", "issuer", "requests", "logins") if name in given}
        if environment == "production":
            options.setdefault("origins", ())
        return cls(
            environment=environment,
            database_url=given.get("database_url") or _new_database(),
            secret=given.get("secret") or os.urandom(32).hex(),
            files=Path(given["files"]) if "files" in given else cls.files,
            demo=given.get("demo", "1" if environment == "development" else "0") == "1",
            **options,
        )


def _new_database() -> str:
    """Return the URL of an SQLite file that is new at each start."""
    return f"sqlite+aiosqlite:///{tempfile.mkdtemp(prefix='shop-')}/shop.db"
