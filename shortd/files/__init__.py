"""The bytes of files, and the rows that name them.

It must never know which link a file belongs to.
"""
