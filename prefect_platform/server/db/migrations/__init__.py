"""Alembic migrations. An applied file is never edited."""
