"""Who visits: robots, devices, addresses."""
