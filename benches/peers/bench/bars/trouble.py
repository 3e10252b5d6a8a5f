"""Bar 8, under trouble: keys rotate, the IdP dies and the configuration is reloaded under load, and no
valid request is refused."""

import statistics
import threading
import time

from ..idp import IdP
from ..load import wrk
from ..portcullis import Gateway, Settings
from ..process import CannotMeasure
from ..stand import STATE
from ..tokens import Signer
from ..verdict import Bar

# The least that the configuration takes: so that refreshes fall into the outage.
FETCH = 'fetch = { refresh = "1s", timeout = "1s" }'


def measure(stand, _table, say):
    bar = Bar(8, "Under trouble")
    new = Signer.kept(STATE, "ES256", "e2")
    old_file = stand.rotating(stand.ec)
    new_file = stand.rotating(new)
    quiet, troubled, refused, failures = [], [], 0, 0
    for _ in range(1 if stand.short else 3):
        with (IdP(stand.ec.jwk()) as idp,
              Gateway(stand, Settings(jwks_uri=idp.uri, fetch=FETCH)) as gateway):
            calm = wrk(gateway.port, old_file, 3)
            if calm["refused"] or calm["broken"]:
                raise CannotMeasure(f"before any trouble: {calm}")
            rough, told = _under_trouble(stand, gateway, idp, new, old_file, new_file)
            failures += told
        quiet.append(calm["p99"])
        troubled.append(rough["p99"])
        refused += rough["refused"] + rough["broken"]
        say(f"p99 quiet {calm['p99']:.2f} ms, in trouble {rough['p99']:.2f} ms, refused "
            f"{rough['refused']} and broken {rough['broken']} of {rough['requests']}")
    bar.check("valid requests refused or broken", refused, 0, unit="", digits=0)
    ratio = statistics.median(troubled) / statistics.median(quiet)
    bar.check("p99 in trouble ÷ the quiet one", ratio, 2.0)
    bar.notes.append("In each run: the IdP publishes a second key and signs with it a moment later, dies, "
                     f"and comes back. {failures} refreshes failed meanwhile. The configuration is reloaded "
                     "twice: a route more while the IdP is down, and another rule for the issuer, so that "
                     "every token is proved anew, after it is back.")
    return bar


def _under_trouble(stand, gateway, idp, new, old_file, new_file):
    """Eight seconds of load, with all of it; and how many fetches failed."""
    # The clock of the load generator knows whole seconds.
    start = int(time.time()) + 2

    def trouble():
        _until(start - 0.3)
        idp.publish(stand.ec.jwk(), new.jwk())
        _until(start + 2)
        idp.die()
        _until(start + 3)
        gateway.reload("[issuer_defaults]", '[[routes]]\npath = "/{*rest}"\n[[routes]]\npath = "/more"\n'
                                            "[issuer_defaults]")
        _until(start + 4)
        idp.live()
        _until(start + 5)
        gateway.reload("[issuer_defaults]", '[issuer_defaults]\nclock_skew = "59s"')

    troublemaker = threading.Thread(target=trouble)
    troublemaker.start()
    rough = wrk(gateway.port, old_file, 8, then=(new_file, start))
    troublemaker.join()
    if gateway.metric("portcullis_config_reloads_total", 'outcome="applied"') != 2:
        raise CannotMeasure("the configuration was not reloaded twice")
    return rough, int(gateway.metric("portcullis_key_set_fetches_total", 'outcome="failure"'))


def _until(moment):
    time.sleep(max(0, moment - time.time()))
