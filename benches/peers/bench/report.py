"""The report: on the terminal, and as docs/benchmarks.md."""

from .plot import bars as plot_bars, growth as plot_growth

HOW = """\
Portcullis beside the proxies that one would take instead, on one machine, in one run. Only the ratios
mean anything elsewhere. `benches/peers/run` measures all of it again and writes this page;
[benches/peers](../benches/peers/README.md) says how to read and change it.

![CPU a request: bars for each proxy](benchmarks.svg)

## How it was measured

The proxy is pinned to one core and has one worker; wrk with {connections} keep-alive connections and the
upstream (nginx, a {body}-byte JSON reply) share another. **CPU** is what the proxy's process used, user and
system time from `/proc`, divided by the requests. It holds also where something else runs on the machine;
requests a second and latency do not, and how the kernel tells user from system time is coarse. The subjects
take turns, {rounds} rounds of {seconds} s, and each figure is the median of its rounds. Tokens are about
{size:.0f} bytes long and have {claims} claims.

Portcullis does all that it does in service: signature, time, audience, issuer and two more claims, identity
headers, metrics, `X-Forwarded-*`. *Seen before* is 100 tokens in rotation. At *first sight* no token comes
twice; the gateway is started anew for each round, so its cache grows all the while. Before anything is
measured, each proxy that checks must let a good token through, and refuse a wrong signature, issuer and
audience, and an expired token.

The peers are set up as their manuals say. HAProxy: `nbthread 1`, `http-reuse always`; `jwt_verify` with a
fixed algorithm, and `iss`, `aud` and `exp` compared. Envoy: `--concurrency 1`, circuit breakers out of the
way, no request ids, no dynamic statistics of the router; `jwt_authn` with local keys, issuer, audience and
one claim to a header; once more with its token cache. nginx: `keepalive` to the upstream. None writes an
access log. HAProxy and Envoy without its cache get the tokens of *first sight*, which they cannot tell from
others.
"""


def markdown(stand, table, bars, facts, size, claims):
    """The page; a bar that was not measured is missing."""
    from .load import CONNECTIONS
    from .stand import BODY

    text = ["# Benchmarks\n", HOW.format(
        connections=CONNECTIONS, body=len(BODY), rounds=stand.rounds, seconds=stand.seconds,
        size=round(size, -1), claims=claims)]
    text.append(_machine(facts))
    if table:
        text.append(_table(table))
    text.append(_bars(bars))
    return "\n".join(text)


def write(folder, stand, table, bars, facts, size, claims):
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "benchmarks.md").write_text(markdown(stand, table, bars, facts, size, claims))
    if table:
        (folder / "benchmarks.svg").write_text(plot_bars(table))
    for bar in bars:
        if bar.lines:
            (folder / "growth.svg").write_text(plot_growth(bar.lines))


def summary(bars):
    """For the terminal: each figure beside its limit."""
    lines = []
    for bar in bars:
        lines.append(f"\nbar {bar.number}: {bar.title}")
        for check in bar.checks:
            verdict = "met   " if check.met else "MISSED"
            lines.append(f"  {verdict} {check.what}: {check.number(check.value)} "
                         f"({check.sign} {check.number(check.limit)})")
        lines += [f"  not measured: {what}" for what in bar.not_measured]
        lines += [f"  {note}" for note in bar.notes]
    missed = [f"bar {bar.number}, {check.what}: by {check.missed_by()}"
              for bar in bars for check in bar.missed()]
    lines.append("\nmissed:" if missed else "\nno bar is missed")
    return "\n".join(lines + [f"  {line}" for line in missed])


def _machine(facts):
    rows = "\n".join(f"| {name} | {value} |" for name, value in facts.items())
    return f"| | |\n| --- | --- |\n{rows}\n"


def _table(table):
    head = ("## The table\n\n| | CPU µs a request | user | system | requests a second | p50 ms | p99 ms | "
            "p99.9 ms | memory MB |\n| --- " + "| ---: " * 8 + "|")
    rows = [_row(row) for row in table.values()]
    return "\n".join([head, *rows, ""])


def _row(row):
    name = f"**{row.title}**" if row.key.startswith("own") else row.title
    figures = [f"{row.median('total'):.1f}", f"{row.median('user'):.1f}", f"{row.median('system'):.1f}",
               f"{row.median('rps'):,.0f}", f"{row.median('p50'):.2f}", f"{row.median('p99'):.2f}",
               f"{row.median('p999'):.2f}", f"{row.median('memory') / 1e6:.0f}"]
    return f"| {name} | {' | '.join(figures)} |"


def _bars(bars):
    text = ["## The bars\n", "What the gateway is held to. `benches/peers/run` fails when one is missed; [performance.md](performance.md)\n"
            "says where the time goes, and what the floor is of one that is missed.\n"]
    for bar in bars:
        text.append(f"### {bar.number}. {bar.title}\n")
        if bar.checks:
            text.append("| | measured | bar | |\n| --- | ---: | ---: | --- |")
            text += [f"| {check.what} | {check.number(check.value)} | {check.sign} "
                     f"{check.number(check.limit)} | {_verdict(check)} |" for check in bar.checks]
            text.append("")
        if bar.lines:
            text.append("![CPU a request over issuers, routes and live tokens](growth.svg)\n")
        text += [f"Not measured: {what}.\n" for what in bar.not_measured]
        text += [f"{note}\n" for note in bar.notes]
    return "\n".join(text)


def _verdict(check):
    return "met" if check.met else f"**missed** by {check.missed_by()}"
