"""The rows shortd keeps, as msgspec Structs, by what they are about.

They are stored as msgpack arrays, so fields are positional on disk: a new field goes last
and has a default, and no field is ever removed or moved. Times are Unix time in µs. A row
must never hold a rule: what follows from it, the rooms above know.
"""
