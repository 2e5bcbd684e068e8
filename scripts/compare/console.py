"""What the measuring scripts share: lists of names as arguments, and messages."""

import argparse
import pathlib
import sys


def names_of(known):
    """Reads a list of names, separated by commas, each of which has to be one of `known`."""

    def names(text):
        for name in text.split(","):
            if name not in known:
                raise argparse.ArgumentTypeError(f"`{name}` is none of {', '.join(known)}")
        return text.split(",")

    return names


def say(text):
    """Prints a message to stderr, after the name of the script that runs."""
    print(f"{pathlib.Path(sys.argv[0]).stem}: {text}", file=sys.stderr, flush=True)
