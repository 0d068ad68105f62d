"""What comes in, and what goes out. What comes in is strict: these fields, of these types, and nothing else."""

from datetime import datetime
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from asgisec.inputs import Email, PlainText, SafeHTML, StrictModel, Username

# PostgreSQL's `integer` ends at 2,147,483,647; a larger number in a path is no row, and must be no error.
RowID = Annotated[int, Field(ge=1, le=2_147_483_647)]


class Shown(BaseModel):
    """What goes out: made from a row, with the fields that are named and no others."""

    model_config = ConfigDict(from_attributes=True)


class NewUser(StrictModel):
    """A user to be added: always a viewer. Whoever may make admins does that apart."""

    username: Username
    email: Email
    password: str = Field(max_length=1024)


class ChangedUser(StrictModel):
    """What can be changed of a user."""

    email: Email


class Role(StrictModel):
    """What a user becomes."""

    role: str


class Active(StrictModel):
    """Whether a user may log in."""

    active: bool


class NewPassword(StrictModel):
    """A password to be changed."""

    old: str = Field(max_length=1024)
    new: str = Field(max_length=1024)


class UserOut(Shown):
    """A user: never the hash."""

    id: int
    username: str
    email: str
    role: str
    active: bool


class CallerOut(Shown):
    """Who is calling, and what this credential allows."""

    id: int
    username: str
    role: str
    scheme: str
    scopes: list[str]


class NewProduct(StrictModel):
    """A product to be added, or in the place of one."""

    name: PlainText = Field(min_length=1, max_length=100)
    description: PlainText = PlainText("")
    price_cents: int = Field(ge=0, le=100_000_000)
    stock: int = Field(ge=0, le=1_000_000)


class ProductOut(Shown):
    """A product."""

    id: int
    name: str
    description: str
    price_cents: int
    stock: int


class NewComment(StrictModel):
    """A comment: HTML from a stranger, sanitised as it comes in."""

    body: SafeHTML


class CommentOut(Shown):
    """A comment."""

    id: int
    product_id: int
    author_id: int
    body: str
    created_at: datetime


class NewOrder(StrictModel):
    """An order. Who orders, and what it costs, is not for the client to say."""

    product_id: int = Field(ge=1, le=2_147_483_647)
    quantity: int = Field(ge=1, le=1000)


class OrderOut(Shown):
    """An order."""

    id: int
    owner_id: int
    product_id: int
    quantity: int
    total_cents: int
    created_at: datetime


class NewKey(StrictModel):
    """An API key to be made."""

    owner_id: int = Field(ge=1, le=2_147_483_647)
    name: PlainText = Field(min_length=1, max_length=100)
    scopes: list[str] = Field(min_length=1, max_length=20)
    expires_in: int | None = Field(default=None, ge=1, le=400 * 86_400)


class KeyOut(Shown):
    """What is known of an API key."""

    id: str
    owner: str
    name: str
    scopes: frozenset[str]
    last_four: str
    active: bool
    created_at: float
    expires_at: float | None
    last_used_at: float | None
    request_count: int


class NewKeyOut(KeyOut):
    """A new API key: the only answer that has the key itself."""

    key: str
