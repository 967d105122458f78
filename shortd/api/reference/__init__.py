"""The reference of all APIs, for people and for programs: a page, and documents of OpenAPI 3.1.

Both are made of the tables of calls and their types, so a call that is added is in them at once. It
must never say of a call what the call itself does not have.
"""
