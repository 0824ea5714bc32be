"""Park folders: reading their files with positions, checking all of them in one run, building the park."""

from runtime.parkfiles.loading import check_park, load_park

__all__ = ["check_park", "load_park"]
