"""Who may sign in, for how long, and what each role may do."""
