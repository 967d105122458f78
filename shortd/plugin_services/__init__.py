"""What plugins do through the services of all other rooms: links that they make and change.

Each plugin has its own, under its name. It goes by the rules that everybody else's links go by, and
must never do what a call of an API or a command could not.
"""
