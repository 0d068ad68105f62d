"""Demo users, keys and goods, the same at each start. The keys are made anew; the start prints them."""

import logging
import time
from dataclasses import dataclass, field

from fastapi import APIRouter
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from asgisec.inputs import sanitize_html
from examples.reference_api.parts import Parts
from examples.reference_api.tables import Comment, Order, Product, User

logger = logging.getLogger("shop.demo")

# Name, role, password; long ones, as `PasswordPolicy` asks for.
USERS = (
    ("ada", "admin", "ada keeps the keys"),
    ("eddie", "editor", "eddie edits the goods"),
    ("vera", "viewer", "vera views the goods"),
    ("otto", "viewer", "otto orders a lot of it"),
    ("dora", "disabled", "dora is not here now"),
)
# Name, whose it is, scopes, and for how many seconds it is good.
KEYS: tuple[tuple[str, str, list[str], float | None], ...] = (
    ("warehouse", "eddie", ["products:read", "orders:read"], None),
    ("expired", "eddie", ["products:read"], -1.0),
    ("disabled", "eddie", ["products:read"], None),
    ("of-dora", "dora", ["products:read"], None),
)


@dataclass(frozen=True)
class Demo:
    """What was seeded.

    Attributes:
        users: The id of each user, by name.
        keys: The API keys, by name.
    """

    users: dict[str, int] = field(default_factory=dict)
    keys: dict[str, str] = field(default_factory=dict, repr=False)


def router() -> APIRouter:
    """Return what only a demonstration has."""
    routes = APIRouter(include_in_schema=False)

    @routes.get("/demo/fails")
    async def fails() -> None:
        password = "hunter2"  # noqa: S105 - what is shown not to get out
        raise RuntimeError(f"cannot log in to the database with {password}")

    return routes


async def seed(parts: Parts) -> Demo:
    """Fill a database that is empty, make the keys, and say in the log what there is."""
    demo = Demo()
    async with parts.sessions.begin() as session:
        if not await session.scalar(select(func.count(User.id))):
            for name, role, password in USERS:
                session.add(
                    User(
                        username=name,
                        email=f"{name}@example.com",
                        role="viewer" if role == "disabled" else role,
                        active=role != "disabled",
                        password_hash=await parts.hasher.hash(password),
                    )
                )
            session.add_all(
                [
                    Product(name="Kettle", description="Boils water.", price_cents=2900, stock=20),
                    Product(name="Teapot", description="Keeps tea.", price_cents=1900, stock=5),
                ]
            )
            await session.flush()
            await _add_orders(session)
        demo.users.update({name: number for number, name in await session.execute(select(User.id, User.username))})
    for name, owner, scopes, seconds in KEYS:
        ends = None if seconds is None else time.time() + seconds
        made = await parts.api_keys.create(str(demo.users[owner]), scopes, name=name, expires_at=ends)
        demo.keys[name] = made.key
        if name == "disabled":
            await parts.api_keys.disable(made.record.id)
    for name, role, password in USERS:
        logger.info("user %s, %s: %s", name, role, password)
    for name, key in demo.keys.items():
        logger.info("key %s: %s", name, key)
    return demo


async def _add_orders(session: AsyncSession) -> None:
    users = {user.username: user for user in await session.scalars(select(User))}
    kettle, *_ = await session.scalars(select(Product).order_by(Product.id))
    session.add(Order(owner_id=users["vera"].id, product_id=kettle.id, quantity=1, total_cents=kettle.price_cents))
    body = sanitize_html("<b>Boils</b> in a minute.")
    session.add(Comment(product_id=kettle.id, author_id=users["vera"].id, body=body))
