"""Pages for who follows a link: previews, passwords, encrypted files, mailed links, refusals.

They know nobody's account, and must never show more of a link than its visitor may know.
"""
