"""Signs one token an algorithm with joserfc, and one more with a key that stays unknown.

joserfc has no ML-DSA: those tokens are put together here, with the signatures of pyca/cryptography.

Reads from standard input {"now": seconds, "algorithms": [...]}, prints a JSON list of
{"algorithm", "issuer", "jwks", "good", "wrong_key"}.
"""

import json
import sys
import warnings
from base64 import urlsafe_b64encode

from cryptography.hazmat.primitives.asymmetric import mldsa
from joserfc import jwt
from joserfc.jwk import ECKey, OctKey, OKPKey, RSAKey

# joserfc warns of names that RFC 9864 deprecates; they are what is tested.
warnings.simplefilter("ignore")

CURVES = {"ES256": "P-256", "ES384": "P-384", "ES512": "P-521", "ES256K": "secp256k1"}

ML_DSA = {
    "ML-DSA-44": mldsa.MLDSA44PrivateKey,
    "ML-DSA-65": mldsa.MLDSA65PrivateKey,
    "ML-DSA-87": mldsa.MLDSA87PrivateKey,
}


def encoded(data):
    return urlsafe_b64encode(data).rstrip(b"=").decode()


class MlDsaKey:
    """What this script needs of a joserfc key."""

    def __init__(self, algorithm):
        self.algorithm = algorithm
        self.key = ML_DSA[algorithm].generate()

    def as_dict(self, private):
        return {"kty": "AKP", "pub": encoded(self.key.public_key().public_bytes_raw())}

    def sign(self, header, claims):
        parts = [encoded(json.dumps(part).encode()) for part in (header, claims)]
        signing_input = ".".join(parts)
        return f"{signing_input}.{encoded(self.key.sign(signing_input.encode()))}"


def sign(header, claims, key):
    if isinstance(key, MlDsaKey):
        return key.sign(header, claims)
    return jwt.encode(header, claims, key, algorithms=[header["alg"]])


def generate(algorithm):
    if algorithm in ML_DSA:
        return MlDsaKey(algorithm)
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
        "good": sign(header, claims, key),
        "wrong_key": sign(header, claims, stranger),
    }


order = json.load(sys.stdin)
json.dump([case(algorithm, order["now"]) for algorithm in order["algorithms"]], sys.stdout)
