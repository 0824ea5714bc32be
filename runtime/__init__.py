"""The world as the services meet it: clock, MQTT link, journal, park files, tasks, logs and metrics.

Nothing here knows what a gateway or a control room decides.
"""
