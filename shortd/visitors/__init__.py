"""Who visits: agents, robots, referrers, countries, addresses behind proxies.

It must never keep anything of a visitor.
"""
