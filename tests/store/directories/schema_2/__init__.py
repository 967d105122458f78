"""A data directory of schema 2, made by commit a4d6a7c; see `make_directory`."""
