"""Passwords, signatures, mailed codes, and the slowing of who guesses.

It must never log or keep a secret that somebody typed.
"""
