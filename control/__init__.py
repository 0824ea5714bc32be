"""The centre: live image, alarms, interlocks, commands, plans, audit and the API.

It meets gateways and ingest in MQTT messages only; history it reads through a store's port.
"""
