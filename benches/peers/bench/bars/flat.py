"""Bar 3, flat: more issuers, routes or live tokens do not make a request dearer."""

import random
import statistics
import time
from dataclasses import dataclass, field

from ..client import Crowd, request
from ..load import measure as load
from ..portcullis import Gateway, Settings, liberty
from ..process import CannotMeasure
from ..stand import STATE
from ..tokens import issuer_name
from ..verdict import Bar

LIMIT = 1.10
SEEN = 100


@dataclass
class Line:
    """What grows, and the median CPU a request (µs) at each size."""

    title: str
    points: dict = field(default_factory=dict)


def measure(stand, _table, say):
    bar = Bar(3, "Flat")
    for grow in (_issuers, _new_issuers, _routes, _tokens):
        line = grow(stand, bar, say)
        bar.lines.append(line)
        smallest, *larger = sorted(line.points)
        dearest = max(larger, key=line.points.get)
        ratio = line.points[dearest] / line.points[smallest]
        bar.check(f"{line.title}, {smallest:,} → {larger[-1]:,}, the dearest: {dearest:,}", ratio, LIMIT)
    return bar


def _sizes(stand, largest):
    between = () if stand.short else (largest // 1000, largest // 100, largest // 10)
    return [1, *(size for size in between if size > 1), largest]


def _issuers(stand, bar, say):
    """Tokens seen before, of 100 issuers among all."""
    line, cases = Line("issuers"), {}
    for size in _sizes(stand, 100_000):
        lines = [("/orders/42", token) for token in _tokens_of(stand, size, SEEN)]
        before = time.monotonic()
        gateway = Gateway(stand, Settings(issuers_file=str(_issuers_file(stand, size))))
        loaded = time.monotonic() - before
        if size == 100_000:
            bar.check("100,000 issuers, until it serves", loaded, 2.0, unit="s")
            bar.check("100,000 issuers, resident", gateway.process.memory() / 1e6, 200, unit="MB",
                      digits=0)
        cases[size] = (gateway, stand.requests(f"issuers-{size}", lines))
    return _in_turn(stand, line, cases, say)


def _new_issuers(stand, _bar, say):
    """Tokens never seen, of up to 1,000 issuers: here the registry is asked for each."""
    line, samples = Line("issuers, first sight"), {}
    for _ in range(stand.rounds):
        for size in _sizes(stand, 100_000):
            count = stand.fresh_count
            lines = [("/orders/42", token) for token in _tokens_of(stand, size, count)]
            requests = stand.requests(f"new-{size}", lines)
            with Gateway(stand, Settings(issuers_file=str(_issuers_file(stand, size)))) as gateway:
                sample = load(gateway.process, gateway.port, requests, stand.seconds, once=True)
            samples.setdefault(size, []).append(sample.total)
            say(f"{line.title} {size:,}: {sample.total:.1f} µs")
    line.points = {size: statistics.median(totals) for size, totals in samples.items()}
    return line


def _routes(stand, _bar, say):
    line, cases = Line("routes"), {}
    tokens = stand.ec.kept_tokens(STATE, SEEN)
    for size in _sizes(stand, 10_000):
        chosen = random.Random(1).sample(range(size), min(size, SEEN))
        lines = [(f"/r{chosen[n % len(chosen)]:05d}/42", token) for n, token in enumerate(tokens)]
        cases[size] = (Gateway(stand, Settings(routes=size)), stand.requests(f"routes-{size}", lines))
    return _in_turn(stand, line, cases, say)


def _tokens(stand, bar, say):
    """Every token is sent once before, so that it is in the cache."""
    line, cases = Line("live tokens"), {}
    for size in _sizes(stand, stand.live):
        lines = [("/orders/42", token) for token in stand.ec.kept_tokens(STATE, size)]
        gateway = Gateway(stand, Settings())
        with Crowd(gateway.port, 32) as crowd:
            statuses = crowd.ask([request(token) for _, token in lines])
        if set(statuses) != {200}:
            raise CannotMeasure(f"{size} live tokens: {statuses}")
        cases[size] = (gateway, stand.requests(f"live-{size}", lines))
    _in_turn(stand, line, cases, say, stop=False)
    gateway = cases[max(cases)][0]
    hits, misses = (gateway.metric(f"portcullis_token_cache_{kind}_total") for kind in ("hits", "misses"))
    again = misses - max(cases)
    bar.notes.append(f"Of {max(cases):,} live tokens, {again / (hits + again):.1%} of the requests "
                     "found theirs forgotten by the bounded cache.")
    _stop(cases)
    return line


def _in_turn(stand, line, cases, say, stop=True):
    samples = {size: [] for size in cases}
    for gateway, requests in cases.values():
        load(gateway.process, gateway.port, requests, 1)
    for _ in range(stand.rounds):
        for size, (gateway, requests) in cases.items():
            sample = load(gateway.process, gateway.port, requests, stand.seconds)
            samples[size].append(sample.total)
            say(f"{line.title} {size:,}: {sample.total:.1f} µs")
    line.points = {size: statistics.median(totals) for size, totals in samples.items()}
    if stop:
        _stop(cases)
    return line


def _stop(cases):
    for gateway, _ in cases.values():
        gateway.stop()


def _tokens_of(stand, size, count):
    return stand.ec.kept_tokens(STATE, count, issuers=_named(size, count))


def _named(size, count):
    """Of how many issuers the tokens are: of up to 100 that are seen again, of up to 1,000 that are new."""
    return min(size, count, SEEN if count == SEEN else 1000)


def _issuers_file(stand, size):
    """All issuers, those of the tokens among them; each has the same key."""
    file = stand.folder / f"issuers-{size}.json"
    if not file.exists():
        names = [issuer_name(number, size) for number in range(size)]
        file.write_text(liberty(stand.ec.jwk(), names))
    return file
