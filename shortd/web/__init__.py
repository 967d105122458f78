"""What visitors and browsers see: redirects, pages, assets. Parses requests, renders answers."""
