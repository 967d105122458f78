"""Data directories that older code has made, and what that code answered when they were asked.

Each folder here is one: `directory.tar.xz`, `expected.json`, and the script that made both. They
are kept as they are for as long as their schema can be read, and never made again with newer code:
then they would prove nothing. What is stored changes? Then add a directory beside these, made by
the code from before the change.
"""
