"""A subscriber that does nothing but count, by bare paho: the most that a Python client takes out of a broker."""

import sys

from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion

from benchmarks.gateway_park import PARK
from benchmarks.ingest_producer import COUNTED
from wire.topics import Kind, sparkplug

SAID_EVERY = 20
"""Messages between two counts."""


def main(port: int) -> None:
    """Count for ever."""
    count = 0

    def counted(client: Client, data: object, message: MQTTMessage) -> None:  # noqa: ARG001 # the library's
        nonlocal count
        count += 1
        if count % SAID_EVERY == 0:
            client.publish(COUNTED, str(count))

    client = Client(CallbackAPIVersion.VERSION2, "bare")
    client.on_message = counted
    client.connect("127.0.0.1", port)
    client.subscribe(sparkplug(PARK, Kind.DDATA, "#"))
    print("ready", flush=True)
    client.loop_forever()


if __name__ == "__main__":
    main(int(sys.argv[1]))
