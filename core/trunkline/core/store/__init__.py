"""The rows on disk: tables, migrations and the queries over them; SQLAlchemy stays inside."""
