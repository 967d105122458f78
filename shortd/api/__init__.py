"""The three public APIs. Each parses its own dialect, calls the services, and renders.

It must never open a write transaction, or hold a rule of its own.
"""
