"""Small words that several commands say."""

from __future__ import annotations


def plural(count: int, noun: str) -> str:
    """Return a count with its noun, as in "1 picture" or "1,200 pictures"."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"
