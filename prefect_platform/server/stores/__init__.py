"""Bytes at rest: bundles and logs, behind seams with shipped in-memory implementations."""
