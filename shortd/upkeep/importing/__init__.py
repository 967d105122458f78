"""Moving in: what sources of other shorteners tell, made links and clicks here.

`runs` takes a source to its end, on the side of whoever asked for it; `imports` makes what it
offers, where the data are. This room must never replace what is there, keep a source in memory, or
have a bad row end a run.
"""
