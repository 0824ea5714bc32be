"""Settings of every property test: no deadline on a busy machine, and the example that failed is printed to be replayed."""

from hypothesis import settings

settings.register_profile("house", deadline=None, print_blob=True)
settings.load_profile("house")
