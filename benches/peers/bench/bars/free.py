"""Bar 1, authentication for free: a token that was seen before costs no more than no check at all."""

from ..verdict import Bar


def measure(_stand, table, _say):
    bar = Bar(1, "Authentication for free")

    def ratio(own, other, what="total"):
        return table[own].median(what) / table[other].median(what)

    for own, name in (("own-rs", "RS256"), ("own-es", "ES256")):
        bar.check(f"{name} seen before ÷ HAProxy plain", ratio(own, "haproxy"), 1.00)
        user = ratio(own, "haproxy", "user")
        bar.check(f"{name} seen before ÷ HAProxy plain, user time alone", user, 1.40)
    bar.check("RS256 seen before ÷ HAProxy with RS256", ratio("own-rs", "haproxy-rs"), 0.33)
    bar.check("RS256 seen before ÷ Envoy from its cache", ratio("own-rs", "envoy-cache"), 0.35)
    return bar
