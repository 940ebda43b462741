"""Dask clusters of the platform: their members, `PlatformCluster`, and the task runner that uses them."""
