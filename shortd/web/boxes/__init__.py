"""The pages of an owner's boxes: making them, what came, their limits.

They must never see a private key: it stays behind the "#" of the owner's own link.
"""
