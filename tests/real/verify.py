"""Verifies tokens with joserfc, by the key of their kid in a key set.

joserfc has no ML-DSA: those signatures are verified by pyca/cryptography.

Reads from standard input [{"token", "jwks"}...], prints a JSON list of true and false.
"""

import json
import sys
import warnings
from base64 import urlsafe_b64decode

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import mldsa
from joserfc import jws
from joserfc.errors import BadSignatureError
from joserfc.jwk import JWKRegistry

# joserfc warns of names that RFC 9864 deprecates; they are what is tested.
warnings.simplefilter("ignore")

ML_DSA = {
    "ML-DSA-44": mldsa.MLDSA44PublicKey,
    "ML-DSA-65": mldsa.MLDSA65PublicKey,
    "ML-DSA-87": mldsa.MLDSA87PublicKey,
}


def decoded(text):
    return urlsafe_b64decode(text + "=" * (-len(text) % 4))


def good(token, jwks):
    signing_input, _, signature = token.rpartition(".")
    header = json.loads(decoded(token.split(".")[0]))
    jwk = next(key for key in jwks["keys"] if key["kid"] == header["kid"])
    assert jwk["alg"] == header["alg"] and jwk["use"] == "sig", jwk
    try:
        if header["alg"] in ML_DSA:
            key = ML_DSA[header["alg"]].from_public_bytes(decoded(jwk["pub"]))
            key.verify(decoded(signature), signing_input.encode())
        else:
            key = JWKRegistry.import_key(jwk)
            jws.deserialize_compact(token, key, algorithms=[header["alg"]])
    except (InvalidSignature, BadSignatureError):
        return False
    return True


json.dump([good(**case) for case in json.load(sys.stdin)], sys.stdout)
