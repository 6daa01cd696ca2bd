"""`python hasty.py`: autoflow, moving what is committed into the database all the time."""

from autoflow.cli.main import main
from autoflow.store.sqlite import store

if __name__ == "__main__":
    store.CHECKPOINT_EVERY = 1
    main()
