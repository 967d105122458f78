"""The machinery of plugins: finding, starting, guarding and calling them.

Authors import none of this; their page is `shortd.plugin`.
"""

from __future__ import annotations
