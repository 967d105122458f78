"""The command line.

Reads options, calls what does the work, and prints the outcome. It must never hold a rule: what a
command does, the services or `upkeep` do.
"""
