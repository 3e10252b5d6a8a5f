"""Bar 2, first sight: every token new, so every signature is checked."""

from ..verdict import Bar


def measure(_stand, table, _say):
    bar = Bar(2, "First sight")
    for short, name, haproxy, envoy in (("rs", "RS256", 0.75, 0.40), ("es", "ES256", 0.75, 0.55)):
        own = table[f"own-new-{short}"].median("total")
        for peer, limit in (("HAProxy", haproxy), ("Envoy", envoy)):
            other = table[f"{peer.lower()}-{short}"].median("total")
            bar.check(f"{name} first sight ÷ {peer}", own / other, limit)
    return bar
