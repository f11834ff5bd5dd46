"""``python -m kgplatform``: the command line, as torchrun starts it."""

from kgplatform.cli import main

if __name__ == "__main__":
    main()
