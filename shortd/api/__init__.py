"""The three public APIs. Each parses its own dialect, calls the services, and renders.

Nothing here opens a write transaction or holds a rule of its own.
"""
