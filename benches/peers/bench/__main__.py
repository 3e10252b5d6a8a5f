"""`benches/peers/run`: measures, reports, and says by its exit code whether a bar is missed."""

import argparse
import os
import signal
import sys
import time
from pathlib import Path

from . import report, table
from .bars import BARS, OF_THE_TABLE
from .machine import facts
from .process import LOAD_CORE, CannotMeasure
from .stand import ROOT, STATE, Stand
from .tokens import claims


def main():
    options = _options()
    # Ends by way of every `with`, so that nothing that was started stays.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    start, busy = time.monotonic(), os.getloadavg()[0]

    def say(text):
        print(f"{time.monotonic() - start:5.0f} s  {text}", flush=True)

    if os.cpu_count() < 2:
        raise CannotMeasure("two cores are needed: one for the proxy, one for the load")
    try:
        with Stand(options.short) as stand:
            say("making tokens; the first run makes many")
            _mint(stand)
            # Proxies alone have their core.
            os.sched_setaffinity(0, {LOAD_CORE})
            rows = table.measured(stand, say) if OF_THE_TABLE & set(options.only) else {}
            bars = [BARS[number].measure(stand, rows, say) for number in options.only]
            tokens = stand.rsa.kept_tokens(STATE, 100)
            size = sum(map(len, tokens)) / len(tokens)
            if options.out:
                report.write(options.out, stand, rows, bars, facts(busy), size, len(claims(0)))
                say(f"wrote {options.out}")
    except CannotMeasure as error:
        print(f"cannot measure: {error}", file=sys.stderr)
        return 2
    print(report.summary(bars))
    return 1 if any(bar.missed() for bar in bars) else 0


def _mint(stand):
    """What takes long to make, on both cores, before anything is measured."""
    for signer in (stand.rsa, stand.ec):
        signer.kept_tokens(STATE, stand.fresh_count)
    stand.ec.kept_tokens(STATE, stand.live)


def _options():
    parser = argparse.ArgumentParser(prog="benches/peers/run")
    parser.add_argument("--short", action="store_true", help="about two minutes")
    parser.add_argument("--out", type=Path, help="where the report goes")
    parser.add_argument("--only", type=_numbers, help="only these bars: 1,5")
    options = parser.parse_args()
    if not options.only:
        options.only = sorted(BARS)
        options.out = options.out or (STATE / "report" if options.short else ROOT / "docs")
    return options


def _numbers(text):
    numbers = [int(part) for part in text.split(",")]
    if set(numbers) - set(BARS):
        raise argparse.ArgumentTypeError("there is no such bar")
    return numbers


sys.exit(main())
