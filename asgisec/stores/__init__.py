"""Stores: where what outlives a request is kept."""
