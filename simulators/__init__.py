"""A park that is not there: water, pollutant, PLCs on real Modbus ports, faults and scenarios.

What it knows reaches the services by Modbus only.
"""
