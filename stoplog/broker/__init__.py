"""The embedded MQTT broker of the one-machine demonstration; a site runs mosquitto or another of its choice."""
