"""Where the water and the pollutant of a simulated park are, second by second.

SWMM moves the water; the pollutant is carried over its flows conservatively, because SWMM's own quality loses some.
"""
