"""`python -m shortd` is `shortd`."""

from shortd.commands.cli import main

if __name__ == "__main__":
    main(prog_name="shortd")
