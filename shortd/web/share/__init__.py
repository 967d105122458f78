"""The page that shares files: a plain form, and what its scripts ask for beside the API's calls.

It must never take a file that is to be encrypted here, or see a password or a key.
"""
