"""Settings of all tests."""

import pytest
from hypothesis import Phase, settings

from tests.docs.cited import COLLECTED

# A machine that is busy with something else is slow, and nothing is wrong.
settings.register_profile("asgisec", deadline=None)
# Where it matters that a test fails, and not on which example: `make mutants`.
settings.register_profile("quick", deadline=None, derandomize=True, phases=[Phase.explicit, Phase.generate])
settings.load_profile("asgisec")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Note what was collected, before options leave some of it out: pages name tests."""
    config.stash[COLLECTED] = frozenset(item.nodeid for item in items)
