"""Files as links: uploading, finishing, unlocking.

It must never look into a file: what it holds is its owner's affair.
"""
