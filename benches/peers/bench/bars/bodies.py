"""Bar 6, bodies: large ones as fast as HAProxy and in no more memory; a slow one without delay."""

import statistics
import sys
import threading
import time
from dataclasses import dataclass

from .. import peers
from ..client import Client, request
from ..portcullis import Gateway, Settings
from ..process import LOAD_CORE, CannotMeasure, free_port
from ..stand import HERE
from ..verdict import Bar

CHUNK = bytes(1 << 20)
# Megabytes: less than any part of the body that could be held by mistake.
FLAT = 4


@dataclass(frozen=True)
class Transfer:
    """One body through one proxy."""

    seconds: float
    cpu: float
    growth: int


def measure(stand, _table, say):
    bar = Bar(6, "Bodies")
    size = (256 << 20) if stand.short else (1 << 30)
    port = free_port()
    command = [sys.executable, HERE / "bench" / "heavy.py", port]
    upstream = stand.start(command, port, cores=(LOAD_CORE,))
    proxy, proxy_port = peers.haproxy(stand, upstream=port)
    token = stand.ec.token()
    with Gateway(stand, Settings(upstream=port)) as own:
        both = {"HAProxy": (proxy, proxy_port), "Portcullis": (own.process, own.port)}
        for way in (_down, _up):
            _compare(stand, bar, say, way, both, token, size)
        prompt = _first_byte(own.port, token)
    bar.check("first byte of a slow upstream held back", 0 if prompt else 1, 0, unit="", digits=0)
    proxy.stop()
    pem = stand.certificate()
    proxy, proxy_port = peers.haproxy(stand, upstream=port, tls=pem)
    with Gateway(stand, Settings(upstream=port, tls=pem)) as own:
        both = {"HAProxy": (proxy, proxy_port), "Portcullis": (own.process, own.port)}
        for way in (_down, _up):
            _compare(stand, bar, say, way, both, token, size, tls=True)
    proxy.stop()
    upstream.stop()
    return bar


def _compare(stand, bar, say, way, both, token, size, tls=False):
    name, mib = way.__name__.strip("_") + (" over TLS" if tls else ""), size >> 20
    found = {who: [] for who in both}
    for _ in range(stand.rounds + 1):
        for who, (process, port) in both.items():
            found[who].append(_watched(process, lambda: way(port, token, size, tls)))
            say(f"{mib} MiB {name}, {who}: {mib / found[who][-1].seconds:.0f} MiB/s")
    # The first of each fills buffers.
    seconds = {who: statistics.median(t.seconds for t in runs[1:]) for who, runs in found.items()}
    cpu = {who: statistics.median(t.cpu for t in runs[1:]) for who, runs in found.items()}
    ratio = seconds["HAProxy"] / seconds["Portcullis"]
    bar.check(f"{mib:,} MiB {name}, throughput ÷ HAProxy's", ratio, 0.95, at_least=True, digits=3)
    first, *later = (transfer.growth / 1e6 for transfer in found["Portcullis"])
    bar.check(f"{mib:,} MiB {name}, memory that each takes after the first", max(later), FLAT,
              unit="MB", digits=1)
    per = 1024 / mib
    bar.notes.append(
        f"CPU for 1 GiB {name}: HAProxy {cpu['HAProxy'] * per:.2f} s, "
        f"Portcullis {cpu['Portcullis'] * per:.2f} s; {mib / seconds['HAProxy']:,.0f} and "
        f"{mib / seconds['Portcullis']:,.0f} MiB/s. The first one made Portcullis grow by {first:.1f} MB."
    )


def _watched(process, transfer):
    """Runs a transfer and looks at the memory meanwhile."""
    before, peak, done = process.memory(), [0], threading.Event()

    def watch():
        while not done.wait(0.02):
            peak[0] = max(peak[0], process.memory())

    watcher = threading.Thread(target=watch)
    watcher.start()
    cpu, start = process.cpu().total, time.monotonic()
    try:
        transfer()
        seconds = time.monotonic() - start
    finally:
        done.set()
        watcher.join()
    return Transfer(seconds, process.cpu().total - cpu, max(peak[0] - before, 0))


def _down(port, token, size, tls):
    with Client(port, tls=tls) as client:
        client.send(request(token, f"/down/{size}"))
        status, length = client.head()
        if (status, length) != (200, size):
            raise CannotMeasure(f"download: {status}, {length} bytes")
        client.body(size)


def _up(port, token, size, tls):
    with Client(port, tls=tls) as client:
        client.send(request(token, "/up", "PUT", f"Content-Length: {size}\r\n"))
        for _ in range(0, size, len(CHUNK)):
            client.send(CHUNK)
        if client.answer() != 200:
            raise CannotMeasure("upload refused")


def _first_byte(port, token):
    """Whether the first byte comes although the upstream holds back the second."""
    with Client(port, seconds=3) as client, Client(port) as other:
        client.send(request(token, "/slow"))
        try:
            client.head()
            client.body(1)
        except TimeoutError:
            return False
        finally:
            other.ask(request(token, "/go"))
        client.body(1)
        return True
