"""The control socket: what the operator's commands ask of a running server.

A request is one line of JSON, answered with one. It must never listen to anybody but the owner of
the data directory.
"""
