"""Signs one token an algorithm with joserfc, and one more with a key that stays unknown.

Reads from standard input {"now": seconds, "algorithms": [...]}, prints a JSON list of
{"algorithm", "issuer", "jwks", "good", "wrong_key"}.
"""

import json
import sys
import warnings

from joserfc import jwt
from joserfc.jwk import ECKey, OctKey, OKPKey, RSAKey

# joserfc warns of names that RFC 9864 deprecates; they are what is tested.
warnings.simplefilter("ignore")

CURVES = {"ES256": "P-256", "ES384": "P-384", "ES512": "P-521", "ES256K": "secp256k1"}


def generate(algorithm):
    if algorithm[:2] in ("RS", "PS"):
        return RSAKey.generate_key(2048)
    if algorithm in CURVES:
        return ECKey.generate_key(CURVES[algorithm])
    if algorithm in ("EdDSA", "Ed25519"):
        return OKPKey.generate_key("Ed25519")
    return OctKey.generate_key(int(algorithm[2:]))


def case(algorithm, now):
    key, stranger = generate(algorithm), generate(algorithm)
    kid = f"joserfc-{algorithm}"
    issuer = f"https://joserfc.example/{algorithm}"
    header = {"alg": algorithm, "kid": kid, "typ": "at+jwt"}
    claims = {"iss": issuer, "sub": "alice", "iat": now, "exp": now + 3600}
    public = key.as_dict(private=algorithm.startswith("HS"))
    return {
        "algorithm": algorithm,
        "issuer": issuer,
        "jwks": {"keys": [{**public, "kid": kid, "alg": algorithm, "use": "sig"}]},
        "good": jwt.encode(header, claims, key, algorithms=[algorithm]),
        "wrong_key": jwt.encode(header, claims, stranger, algorithms=[algorithm]),
    }


order = json.load(sys.stdin)
json.dump([case(algorithm, order["now"]) for algorithm in order["algorithms"]], sys.stdout)
