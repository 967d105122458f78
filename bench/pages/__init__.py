"""What the pages for people cost: `python -m bench.pages`."""
