"""Measurements of what the library costs: `python -m benchmarks` lists and runs them.

Each benchmark is a module with `QUESTION` and `run(options) -> Report`. Figures of one
run are comparable with each other; across machines only their ratios are. Nothing here
is imported by the library, and this file imports nothing, so that the processes that
are measured load only what they measure.
"""
