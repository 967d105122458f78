"""shortd: a self-hosted URL shortener and file-sharing server in one process and one directory."""

__version__ = "0.1.0"
