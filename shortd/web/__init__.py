"""What visitors and browsers see: redirects, pages, assets. Parses requests, renders answers.

It must never open a write transaction, or hold a rule of its own.
"""
