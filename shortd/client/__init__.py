"""The command-line client: shares files on a ww7 v2 server, and fetches them.

A program apart from the server: it speaks to one over HTTP, as anyone's client would, and must
never import what the server is made of. Passwords stay in this process's memory: they are
never stored, sent, or taken from a command line.
"""
