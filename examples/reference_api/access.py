"""Who may do what: scopes, the roles that have them, and who is calling."""

from dataclasses import dataclass

from asgisec.auth import Principal, ScopePolicy

SCOPES = {
    "users:read": "See users",
    "users:write": "Add users, and change them",
    "products:read": "See products, their comments and files",
    "products:comment": "Comment on products",
    "products:write": "Add, change and remove products",
    "orders:read": "See one's own orders",
    "orders:write": "Order, and cancel",
    "admin": "Roles, API keys, and everybody's orders",
}

ROLES = ScopePolicy(
    {
        "viewer": ["products:read", "products:comment", "orders:*"],
        "editor": ["users:read", "products:*", "orders:*"],
        "admin": ["users:*", "products:*", "orders:*", "admin"],
    }
)


@dataclass(frozen=True)
class Caller:
    """Who is calling: what a route knows of the user, whichever credential was presented.

    Attributes:
        id: The user, or the owner of the API key.
        username: Their name.
        role: What they are; what they may is in `principal`, and may be less.
        principal: The credential, as it was checked.
    """

    id: int
    username: str
    role: str
    principal: Principal

    @property
    def is_admin(self) -> bool:
        """Whether this credential allows what only admins may."""
        return self.principal.allows("admin")
