"""Floods of HTTP/2 frames, by a client that is not ours: `flood.py PORT KIND` prints what came of it as JSON.

Every flood is bounded: in frames, and by a time limit on each read and write.
"""

import json
import socket
import struct
import sys

import h2.config
import h2.connection
import h2.events
from hyperframe import frame as frames

FRAMES = 20_000
SECONDS = 5

HEAD = [(":method", "GET"), (":scheme", "http"), (":authority", "127.0.0.1"), (":path", "/")]


class Client:
    """A connection whose state machine is passed by where it would object."""

    def __init__(self, port):
        config = h2.config.H2Configuration(validate_outbound_headers=False, normalize_outbound_headers=False)
        self.h2 = h2.connection.H2Connection(config)
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=SECONDS)
        self.h2.initiate_connection()
        self.flush()
        self.goodbye = None
        self.closed = False
        self.streams = 0

    def flush(self):
        self.socket.sendall(self.h2.data_to_send())

    def block(self, head=HEAD):
        return self.h2.encoder.encode(head)

    def read(self, wait):
        """What has come; without `wait`, no longer than a moment."""
        self.socket.settimeout(SECONDS if wait else 0.0005)
        try:
            data = self.socket.recv(65536)
        except TimeoutError:
            if wait:
                raise
            return
        self.closed = not data
        at = 0
        while at + 9 <= len(data) and self.goodbye is None:
            length, kind = int.from_bytes(data[at:at + 3], "big"), data[at + 3]
            if kind == 7 and at + 17 <= len(data):
                self.goodbye = struct.unpack(">I", data[at + 13:at + 17])[0]
            at += 9 + length

    def send(self, data):
        self.socket.settimeout(SECONDS)
        self.socket.sendall(data)


def stream(number):
    return 2 * number + 1


def headers(client, number, flags=("END_HEADERS", "END_STREAM")):
    frame = frames.HeadersFrame(stream(number), data=client.block(), flags=list(flags))
    return frame.serialize()


def rapid_reset(client, number):
    return headers(client, number) + frames.RstStreamFrame(stream(number), error_code=8).serialize()


def made_you_reset(client, number):
    # A window that grows beyond its end: the gateway has to reset the stream (RFC 9113 section 6.9.1).
    update = frames.WindowUpdateFrame(stream(number), window_increment=0x7FFFFFFF)
    return headers(client, number) + update.serialize()


def continuation(client, number):
    if number == 0:
        return headers(client, 0, ("END_STREAM",))
    return frames.ContinuationFrame(1, data=client.block([("x", "y")])).serialize()


def empty_data(client, number):
    if number == 0:
        return headers(client, 0, ("END_HEADERS",))
    return frames.DataFrame(1).serialize()


def ping(_client, number):
    return frames.PingFrame(opaque_data=struct.pack(">Q", number)).serialize()


def settings(_client, number):
    return frames.SettingsFrame(settings={4: 65535 + number % 2}).serialize()


def priority(_client, number):
    return frames.PriorityFrame(stream(number + 1), depends_on=0, stream_weight=7).serialize()


def window_update(_client, _number):
    return frames.WindowUpdateFrame(0, window_increment=1).serialize()


KINDS = {kind.__name__: kind for kind in (
    rapid_reset, made_you_reset, continuation, empty_data, ping, settings, priority, window_update)}


def main():
    port, kind = int(sys.argv[1]), KINDS[sys.argv[2]]
    client = Client(port)
    sent, reset = 0, False
    try:
        while sent < FRAMES and client.goodbye is None and not client.closed:
            client.send(b"".join(kind(client, number) for number in range(sent, sent + 50)))
            sent += 50
            client.read(wait=False)
        while client.goodbye is None and not client.closed:
            client.read(wait=True)
    except ConnectionError:
        reset = True
    print(json.dumps({"sent": sent, "goodbye": client.goodbye, "closed": client.closed or reset}))


main()
