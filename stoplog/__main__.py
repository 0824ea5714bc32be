"""`python -m stoplog`: the same as the `stoplog` command."""

from stoplog.cli import main

if __name__ == "__main__":
    main()
