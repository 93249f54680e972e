"""Fulgurite: learn models of the world and act with them."""

if __name__ != "fulgurite":
    raise ImportError("this folder is imported as `fulgurite`: run `pip install -e .` and `import fulgurite`")

__version__ = "0.1.0"
