"""The reference API, as a server runs it.

uvicorn examples.reference_api.main:app --no-server-header
"""

from examples.reference_api.application import create_app
from examples.reference_api.logs import configure
from examples.reference_api.settings import Settings

configure()
app = create_app(Settings.from_environment())
