"""The types of text in Litestar, in one line: read in bodies and parameters, and described in OpenAPI.

    from asgisec.inputs.litestar import ValidatedTextPlugin

    app = Litestar([...], plugins=[ValidatedTextPlugin()])

A refusal is Litestar's 400, with a fixed text.
"""

from dataclasses import fields
from typing import TYPE_CHECKING, Any

from asgisec._extras import needs
from asgisec.inputs.hooks import decode_hook, is_validated_text, schema_hook

with needs("litestar", "install asgisec[litestar]"):
    from litestar.openapi.spec import Schema
    from litestar.plugins import InitPlugin, OpenAPISchemaPlugin

if TYPE_CHECKING:
    from litestar._openapi.schema_generation import SchemaCreator
    from litestar.config.app import AppConfig
    from litestar.typing import FieldDefinition

__all__ = ["ValidatedTextPlugin"]

# JSON schema's word for each field: "minLength" for `min_length`.
_FIELDS = {field.metadata.get("alias") or field.name: field.name for field in fields(Schema)}


class ValidatedTextPlugin(InitPlugin, OpenAPISchemaPlugin):
    """Makes the types of text known to an application of Litestar's."""

    __slots__ = ()

    def on_app_init(self, app_config: "AppConfig") -> "AppConfig":
        """Add the decoder, after those that the application has."""
        app_config.type_decoders = [*(app_config.type_decoders or ()), (is_validated_text, decode_hook)]
        return app_config

    @staticmethod
    def is_plugin_supported_type(value: Any) -> bool:
        """Tell whether a type is one of ours."""
        return is_validated_text(value)

    def to_openapi_schema(self, field_definition: "FieldDefinition", schema_creator: "SchemaCreator") -> Schema:
        """Return what JSON schema and OpenAPI can say of the rule."""
        said = schema_hook(field_definition.annotation)
        return Schema(**{_FIELDS[word]: value for word, value in said.items() if word in _FIELDS})
