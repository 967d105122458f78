"""What the server does by itself, or for its operator, over all rooms.

Sweeping what is over, unlinking what nobody names, changing and ending accounts. It must never
answer a visitor.
"""
