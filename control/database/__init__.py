"""Control's database: tables, migrations, the one writer, and the spool for when it is gone."""
