"""Where the built console lies.

The console is TypeScript in `console/`; `make setup` builds it into `static/`, which the wheel carries. Whoever serves
it takes the path from here and nothing else: the two sides share only the API.
"""

from pathlib import Path
from typing import Final

CONSOLE: Final = Path(__file__).parent / "static"
"""Folder of the built console: `index.html` and its assets. Absent until it was built."""
