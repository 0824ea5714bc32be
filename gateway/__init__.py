"""The edge: polls devices, judges quality, journals, publishes, executes commands and cuts off by itself.

It knows nothing of databases or screens.
"""
