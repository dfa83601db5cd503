"""Tests of the emulator: plain callers only, nothing of the client."""
