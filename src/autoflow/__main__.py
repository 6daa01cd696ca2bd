"""`python -m autoflow` is the command `autoflow`."""

from autoflow.cli.main import main

if __name__ == "__main__":
    main()
