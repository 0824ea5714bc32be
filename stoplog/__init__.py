"""The command line and the one-machine demonstration: the roof over the services.

The only package that imports every service, and each of them only when its command runs.
"""
