"""What each peer's data mean. A module here knows one peer, and never how bytes are read."""
