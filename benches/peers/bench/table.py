"""The table: every subject in turn, again and again, so that noise falls on all alike."""

import statistics
from dataclasses import dataclass, field

from . import peers
from .client import status_of
from .load import measure
from .portcullis import Gateway, Settings
from .process import CannotMeasure
from .tokens import bad_tokens


@dataclass
class Row:
    """One subject and what was measured of it."""

    key: str
    title: str
    # Who checks the tokens: None is a plain proxy.
    signer: object
    requests: object
    start: object
    # Started anew for each run, so that it has seen no token.
    fresh: bool = False
    samples: list = field(default_factory=list)

    def median(self, what):
        return statistics.median(getattr(sample, what) for sample in self.samples)


def rows(stand):
    """The subjects. Peers without a cache get the tokens that nobody has seen before."""
    rs, es = stand.rotating(stand.rsa), stand.rotating(stand.ec)
    new_rs, new_es = stand.fresh(stand.rsa), stand.fresh(stand.ec)
    rsa, ec = stand.rsa, stand.ec

    def peer(start, **how):
        return lambda: start(stand, **how)

    def own():
        gateway = Gateway(stand, Settings())
        return gateway.process, gateway.port

    return [
        Row("nginx", "nginx, plain proxy", None, rs, peer(peers.nginx)),
        Row("haproxy", "HAProxy, plain proxy", None, rs, peer(peers.haproxy)),
        Row("envoy", "Envoy, plain proxy", None, rs, peer(peers.envoy)),
        Row("haproxy-rs", "HAProxy, RS256 checked", rsa, new_rs, peer(peers.haproxy, signer=rsa)),
        Row("haproxy-es", "HAProxy, ES256 checked", ec, new_es, peer(peers.haproxy, signer=ec)),
        Row("envoy-rs", "Envoy, RS256 checked", rsa, new_rs, peer(peers.envoy, signer=rsa)),
        Row("envoy-es", "Envoy, ES256 checked", ec, new_es, peer(peers.envoy, signer=ec)),
        Row("envoy-cache", "Envoy, RS256 from its cache", rsa, rs,
            peer(peers.envoy, signer=rsa, cache=True)),
        Row("own-rs", "Portcullis, RS256 seen before", rsa, rs, own),
        Row("own-es", "Portcullis, ES256 seen before", ec, es, own),
        Row("own-new-rs", "Portcullis, RS256 first sight", rsa, new_rs, own, fresh=True),
        Row("own-new-es", "Portcullis, ES256 first sight", ec, new_es, own, fresh=True),
    ]


def measured(stand, say):
    """All rows by key, with their samples."""
    found = rows(stand)
    running = {row.key: row.start() for row in found if not row.fresh}
    for row in found:
        _prove(row, running.get(row.key), stand.rsa)
    for row in found:
        if not row.fresh:
            measure(*running[row.key], row.requests, 1)
    for number in range(stand.rounds):
        for row in found:
            process, port = running.get(row.key) or row.start()
            sample = measure(process, port, row.requests, stand.seconds, once=row.fresh)
            row.samples.append(sample)
            if row.fresh:
                process.stop()
            say(f"{number + 1}/{stand.rounds} {row.title}: {sample.total:.1f} µs "
                f"({sample.user:.1f} user), {sample.rps:.0f} a second, p99 {sample.p99:.2f} ms")
    for process, _ in running.values():
        process.stop()
    return {row.key: row for row in found}


def _prove(row, running, anyone):
    """That it lets a good token through and, where tokens are checked, refuses each bad one: a proxy that
    checks less is no peer. The first answer also says that it is ready."""
    process, port = running or row.start()
    signer = row.signer or anyone
    good = status_of(port, signer.token())
    bad = {}
    if row.signer:
        stranger = type(signer).new(signer.algorithm, signer.kid)
        bad = {name: status_of(port, token) for name, token in bad_tokens(signer, stranger).items()}
    if good != 200 or any(status not in (401, 403) for status in bad.values()):
        raise CannotMeasure(f"{row.title} does not check alike: good {good}, bad {bad}")
    if not running:
        process.stop()
