"""Bar 5, memory: idle, for each idle connection, for each cached token."""

from .. import peers
from ..client import Crowd, request
from ..portcullis import Gateway, Settings
from ..process import CannotMeasure
from ..stand import STATE
from ..tokens import payload_size
from ..verdict import Bar

IDLE = 2000


def measure(stand, _table, say):
    bar = Bar(5, "Memory")
    with Gateway(stand, Settings()) as gateway:
        resident, own = gateway.process.memory(), gateway.process.memory("RssAnon")
        bar.check("resident when idle", resident / 1e6, 12, unit="MB", digits=1)
        bar.notes.append(f"Of the idle {resident / 1e6:.1f} MB, {own / 1e6:.1f} MB are data; the rest is the "
                         "program's file, as far as it was touched.")
        each = _idle_connections(stand, gateway.process, gateway.port)
    bar.check(f"each of {IDLE:,} idle connections", each / 1024, 8, unit="KiB", digits=1)
    say(f"idle {resident / 1e6:.1f} MB, a connection {each / 1024:.1f} KiB")
    _cached_tokens(stand, bar, say)
    others = []
    for name, start in (("nginx", peers.nginx), ("HAProxy", peers.haproxy), ("Envoy", peers.envoy)):
        process, port = start(stand)
        resident = process.memory()
        each = _idle_connections(stand, process, port)
        others.append(f"{name} {resident / 1e6:.0f} MB and {each / 1024:.1f} KiB")
        process.stop()
    bar.notes.append(f"Idle, and for each idle connection: {', '.join(others)}.")
    return bar


def _idle_connections(stand, process, port):
    """Bytes for each connection that has asked once and is kept open."""
    ask = request(stand.ec.token())
    # What is allocated once for all is not counted.
    with Crowd(port, 64) as crowd:
        _all_good(crowd.ask([ask] * 64))
    before = process.memory()
    with Crowd(port, IDLE) as crowd:
        for client in crowd.clients:
            _all_good({client.ask(ask): 1})
        return (process.memory() - before) / IDLE


def _cached_tokens(stand, bar, say):
    count = stand.live
    tokens = stand.ec.kept_tokens(STATE, count)
    with Gateway(stand, Settings()) as gateway, Crowd(gateway.port, 32) as crowd:
        _all_good(crowd.ask([request(stand.ec.token())] * 1000))
        before = gateway.process.memory()
        _all_good(crowd.ask([request(token) for token in tokens]))
        each = (gateway.process.memory() - before) / count
    text = sum(map(payload_size, tokens)) / count
    bar.check("each cached token, beyond the text of its claims", each - text, 600, unit="B", digits=0)
    bar.notes.append(f"A cached token takes {each:,.0f} bytes, of which the text of its claims would take "
                     f"{text:,.0f} (over {count:,} tokens).")
    say(f"a cached token {each:.0f} B, claims {text:.0f} B")


def _all_good(statuses):
    if set(statuses) != {200}:
        raise CannotMeasure(f"answers: {statuses}")
