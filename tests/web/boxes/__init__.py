"""Pages of boxes: their owners' and those of who sends."""
