"""Decisions only: no await, clock, randomness, logging, socket or aiohttp in here."""
