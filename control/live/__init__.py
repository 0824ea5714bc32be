"""The live image: what the park's points say now, how far that may be trusted, and who is told."""
