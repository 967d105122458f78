"""The machinery that runs plugins: finding, starting, guarding, asking them.

Authors import none of this; their page is `shortd.plugin`. A plugin must never break a redirect.
"""
