"""The home page: one field that makes links, and what was made last.

It must never make a link otherwise than the calls of the APIs do, or show anybody else's.
"""
