"""A small shop, secured from end to end: the reference for FastAPI. Its README says how to run it."""
