"""The world: clock, MQTT link, journal, park files, keys, supervision, logs and metrics."""
