"""The built web UI, as files of this package."""
