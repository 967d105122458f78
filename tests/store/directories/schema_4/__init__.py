"""A data directory of schema 3, made by commit 36d681d; see `make_directory`."""
