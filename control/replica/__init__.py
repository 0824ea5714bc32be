"""Two controls on one PostgreSQL: one leads, the other stands by, and a superseded one writes nothing."""
