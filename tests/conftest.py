"""Settings of drawn examples in every test: no deadline on a busy machine; the same examples at each run, others with EXPLORE=1.

`make test` answers whether this change is sound and gives the same answer twice; `make soak` goes looking for new examples.
"""

import os

from hypothesis import settings

EXPLORES = os.environ.get("EXPLORE") == "1"

settings.register_profile("house", deadline=None, print_blob=True, derandomize=not EXPLORES)
settings.load_profile("house")
