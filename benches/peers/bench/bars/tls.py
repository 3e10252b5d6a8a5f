"""Bar 7, TLS and HTTP/2. TLS waits for a gateway that speaks it."""

from . import http2
from ..verdict import Bar


def measure(stand, _table, say):
    bar = Bar(7, "TLS and HTTP/2", not_measured=["the gateway has no TLS yet"])
    http2.add(stand, bar, say)
    return bar
