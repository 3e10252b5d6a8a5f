"""Bar 7, TLS and HTTP/2: what a request over TLS costs, and what a handshake does."""

import statistics
import subprocess

from .. import peers
from ..load import measure as load
from ..portcullis import Gateway, Settings
from ..process import LOAD_CORE, CannotMeasure
from ..verdict import Bar
from . import http2

# Clients that make handshakes at the same time, each one after the other.
CLIENTS = 4


def measure(stand, _table, say):
    bar = Bar(7, "TLS and HTTP/2")
    pem = stand.certificate()
    proxy, port = peers.haproxy(stand, tls=pem)
    with Gateway(stand, Settings(tls=pem)) as own:
        both = {"HAProxy": (proxy, port), "Portcullis": (own.process, own.port)}
        _requests(stand, bar, say, both)
        _handshakes(stand, bar, say, both, own)
    proxy.stop()
    http2.add(stand, bar, say)
    return bar


def _requests(stand, bar, say, both):
    """TLS 1.3, kept alive; the gateway checks tokens that it has seen before, HAProxy checks nothing."""
    found = {who: [] for who in both}
    for _ in range(stand.rounds + 1):
        for who, (process, port) in both.items():
            sample = load(process, port, stand.rotating(stand.rsa), stand.seconds, scheme="https")
            found[who].append(sample)
            say(f"over TLS, {who}: {sample.total:.1f} µs a request")
    median = {who: statistics.median(s.total for s in some[1:]) for who, some in found.items()}
    ratio = median["Portcullis"] / median["HAProxy"]
    bar.check("TLS 1.3 kept alive, RS256 seen before ÷ HAProxy plain", ratio, 1.00)
    bar.notes.append(
        f"CPU a request over TLS 1.3: HAProxy {median['HAProxy']:.1f} µs, "
        f"Portcullis {median['Portcullis']:.1f} µs."
    )


def _handshakes(stand, bar, say, both, own):
    """A client's part of a handshake costs more than the server's, so the load is never enough for a whole
    core: what counts is how many a second of the proxy's processor time is good for."""
    found = {who: [] for who in both}
    before = own.metric("portcullis_tls_handshakes_total", 'outcome="full",version="1.3"')
    for _ in range(stand.rounds + 1):
        for who, (process, port) in both.items():
            cpu = process.cpu()
            count = _shake(port, stand.seconds)
            found[who].append(count / (process.cpu() - cpu).total)
            say(f"full handshakes, {who}: {found[who][-1]:,.0f} a second of its core")
    after = own.metric("portcullis_tls_handshakes_total", 'outcome="full",version="1.3"')
    if after == before:
        raise CannotMeasure("the gateway saw no full handshake")
    median = {who: statistics.median(some[1:]) for who, some in found.items()}
    ratio = median["Portcullis"] / median["HAProxy"]
    bar.check("full TLS 1.3 handshakes (ECDSA P-256) a second of the core ÷ HAProxy's", ratio, 1.00,
              at_least=True)
    bar.notes.append(
        f"Full handshakes a second of one core: HAProxy {median['HAProxy']:,.0f}, "
        f"Portcullis {median['Portcullis']:,.0f}."
    )


def _shake(port, seconds):
    """How many handshakes openssl's clients made. Each one begins anew."""
    command = ["taskset", "-c", str(LOAD_CORE), "openssl", "s_time", "-connect", f"127.0.0.1:{port}",
               "-new", "-tls1_3", "-time", str(max(2, seconds))]
    clients = [subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
               for _ in range(CLIENTS)]
    count = 0
    for client in clients:
        said, _ = client.communicate(timeout=60)
        lines = [line for line in said.splitlines() if " connections in " in line and "real" in line]
        if not lines:
            raise CannotMeasure(f"openssl s_time: {said}")
        count += int(lines[0].split()[0])
    return count
