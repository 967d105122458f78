"""Pages for people with an account, or about to have one: signing up, in and out, the account
itself, its logins and its keys.

It must never hold a rule of accounts, keep a password, or show one again.
"""
