"""`python -m shortd` is `shortd`."""

from shortd.commands.entry import main

if __name__ == "__main__":
    main()
