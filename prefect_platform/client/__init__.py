"""How notebooks, agents and the command line talk to the platform: one synchronous implementation.

`settings` alone loads neither requests nor pydantic, so that asking where the platform is costs nothing.
"""
