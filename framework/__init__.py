"""Fulgurite: learn models of the world and act with them."""

import os

if __name__ != "fulgurite":
    raise ImportError("this folder is imported as `fulgurite`: run `pip install -e .` and `import fulgurite`")

os.environ.setdefault("RL_LOGGING_LEVEL", "ERROR")  # read by torchrl at import; it announces every buffer otherwise

__version__ = "0.1.0"
