"""What plugins add to the pages: routes below `/-/x/NAME/` and nowhere else, entries in the
navigation, buttons on the sign-in.

They are the plugin's own code on this server's origin: guarded, but not confined. Who asks is told
from the very cookies and keys that our own pages know, and nothing that a plugin answers may
loosen what protects them. A handler that raises, hangs or answers what cannot be sent must never
cost more than its own answer.
"""

from __future__ import annotations

from shortd.web.extensions.offers import Extensions, open_extensions
from shortd.web.extensions.routes import PREFIX, seen_of_plugins

__all__ = ["PREFIX", "Extensions", "open_extensions", "seen_of_plugins"]
