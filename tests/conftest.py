"""Settings of all tests."""

from hypothesis import settings

# A machine that is busy with something else is slow, and nothing is wrong.
settings.register_profile("asgisec", deadline=None)
settings.load_profile("asgisec")
