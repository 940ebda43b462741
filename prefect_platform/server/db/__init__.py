"""The database: tables, migrations, sessions. SQLite and PostgreSQL, nothing special to either."""
