"""The time-series port and its adapters.

An adapter says what is durable and merges what comes twice; what a sample means is not its business.
"""
