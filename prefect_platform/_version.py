"""The version, for inner modules that must not import the root package."""

__version__ = "0.1.0"
