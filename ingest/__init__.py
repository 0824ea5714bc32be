"""The way into the store: messages are validated, stored or quarantined, then acknowledged.

It decides nothing about gates.
"""
