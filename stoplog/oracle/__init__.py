"""Judges of a run that share no code with what they judge: journals, served reads and the store, held against each other."""
