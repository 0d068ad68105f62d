"""The whole way of a request through a secured FastAPI application, one file per way to build it."""
