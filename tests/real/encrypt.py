"""Encrypts tokens with joserfc.

Reads from standard input a JSON list of {"alg", "enc", "jwk", "inside"}, prints a JSON list of tokens.
"""

import json
import sys
import warnings

from joserfc import jwe
from joserfc.jwk import import_key

# joserfc warns of what is not recommended; it is what is tested.
warnings.simplefilter("ignore")


def encrypt(order):
    header = {"alg": order["alg"], "enc": order["enc"], "cty": "JWT", "kid": order["jwk"]["kid"]}
    jwk = {name: value for name, value in order["jwk"].items() if name != "alg"}
    algorithms = [order["alg"], order["enc"]]
    return jwe.encrypt_compact(header, order["inside"], import_key(jwk), algorithms=algorithms)


json.dump([encrypt(order) for order in json.load(sys.stdin)], sys.stdout)
