"""A client of the gateway's token service: Authlib and requests, with Python's own parsers for what comes back.

Reads from standard input {"base", "key", "stranger"}: where the gateway is, and the files of two RSA keys, the
registered one of the client "crm" and another. Prints a JSON line {"name", "error"} for each check, and at last how
many requests the upstream must have seen.
"""

import json
import os
import sys
import time
import traceback
import uuid
from urllib.parse import parse_qs
from xml.etree import ElementTree

# Authlib asks for https everywhere, also on the loopback interface.
os.environ["AUTHLIB_INSECURE_TRANSPORT"] = "1"

import requests
from authlib.integrations.requests_client import AssertionSession, OAuth2Session
from authlib.common.errors import AuthlibBaseError
from authlib.oauth2.rfc7523 import PrivateKeyJWT, private_key_jwt_sign
from authlib.oauth2.rfc8414 import AuthorizationServerMetadata, get_well_known_url
from joserfc import jwt
from joserfc.jwk import KeySet, RSAKey

ORDER = json.load(sys.stdin)
BASE = ORDER["base"]
TOKEN = f"{BASE}/oauth/token"
GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"
BOTH = "orders:read orders:write"


def read(file):
    with open(file) as content:
        return RSAKey.import_key(content.read())


KEY, STRANGER = read(ORDER["key"]), read(ORDER["stranger"])


def session(**changes):
    """Authlib's client of this grant. Its own lifetime, an hour, is longer than the service allows."""
    usual = {
        "issuer": "crm",
        "subject": "alice",
        "audience": TOKEN,
        "key": KEY,
        "header": {"alg": "RS256"},
        "expires_in": 300,
    }
    return AssertionSession(TOKEN, **{**usual, **changes})


def assertion(key=KEY, **changes):
    now = int(time.time())
    claims = {"iss": "crm", "sub": "alice", "aud": TOKEN, "iat": now, "exp": now + 300}
    claims = {**claims, "jti": str(uuid.uuid4()), **changes}
    claims = {name: value for name, value in claims.items() if value is not None}
    return jwt.encode({"alg": "RS256"}, claims, key)


def post(data, headers=None):
    answer = requests.post(TOKEN, data=data, headers=headers, timeout=10)
    assert answer.headers["cache-control"] == "no-store", answer.headers
    return answer


def ask(key=KEY, form=None, headers=None, **claims):
    return post({"grant_type": GRANT, "assertion": assertion(key, **claims), **(form or {})}, headers)


def granted(answer):
    assert answer.status_code == 200, answer.text
    return answer.json()


def refused(answer, error, status=400):
    assert answer.status_code == status, answer.text
    assert answer.json()["error"] == error, answer.text
    assert set(answer.json()) == {"error", "error_description"}, answer.text


def raises(error, action):
    try:
        action()
    except AuthlibBaseError as raised:
        assert raised.error == error, raised
    else:
        raise AssertionError(f"{error} was not raised")


answered = 0


def order(token, client=requests):
    """A request for the upstream, with this token or with the one that `client` has."""
    global answered
    headers = {"authorization": f"Bearer {token}"} if token else {}
    answer = client.get(f"{BASE}/orders/1", headers=headers, timeout=10)
    answered += answer.status_code == 200
    return answer


def claims_of(token):
    keys = KeySet.import_key_set(requests.get(f"{BASE}/.well-known/jwks.json", timeout=10).json())
    decoded = jwt.decode(token, keys, algorithms=["ES256"])
    assert decoded.header["typ"] == "at+jwt", decoded.header
    rules = jwt.JWTClaimsRegistry(
        iss={"essential": True, "value": BASE},
        aud={"essential": True, "value": BASE},
        sub={"essential": True, "value": "alice"},
        client_id={"essential": True, "value": "crm"},
        exp={"essential": True},
        iat={"essential": True},
        jti={"essential": True},
    )
    rules.validate(decoded.claims)
    return decoded.claims


def authlib_gets_a_token_and_uses_it():
    client = session()
    answer = order(None, client)
    assert answer.status_code == 200, answer.text
    seen = answer.json()["headers"]
    assert (seen["x-auth-subject"], seen["x-auth-issuer"]) == ("alice", BASE), seen
    assert "authorization" not in seen, seen
    assert client.token["expires_in"] == 3600 and client.token["scope"] == BOTH, client.token
    # The token is kept, and not asked for again.
    token = client.token["access_token"]
    assert order(None, client).status_code == 200
    assert client.token["access_token"] == token


def authlib_reads_the_metadata():
    data = requests.get(get_well_known_url(BASE, external=True), timeout=10).json()
    metadata = AuthorizationServerMetadata(data)
    for key in metadata.REGISTRY_KEYS:
        # Authlib wants one at least, and a service without an authorization endpoint has none.
        if key != "response_types_supported":
            getattr(metadata, f"validate_{key}")()
    assert metadata["issuer"] == BASE and metadata["token_endpoint"] == TOKEN
    assert metadata["grant_types_supported"] == [GRANT, "refresh_token"]


def joserfc_verifies_the_token():
    claims = claims_of(granted(ask())["access_token"])
    assert claims["exp"] - claims["iat"] == 3600 and claims["scope"] == BOTH, claims


def joserfc_refuses_a_changed_token():
    head, payload, signature = granted(ask())["access_token"].split(".")
    middle = len(signature) // 2
    other = "B" if signature[middle] == "A" else "A"
    try:
        claims_of(f"{head}.{payload}.{signature[:middle]}{other}{signature[middle + 1:]}")
    except Exception as error:
        assert type(error).__name__ == "BadSignatureError", error
    else:
        raise AssertionError("it was taken")


def authlib_is_told_why_not():
    raises("invalid_grant", session(expires_in=3600).refresh_token)
    raises("invalid_grant", session(audience=f"{BASE}/oauth").refresh_token)
    raises("invalid_grant", session(key=STRANGER).refresh_token)
    raises("invalid_grant", session(issuer="old").refresh_token)
    raises("invalid_grant", session(issuer="nobody").refresh_token)
    raises("invalid_scope", session(scope="admin").refresh_token)


def authlib_with_claims_of_its_own_repeats_their_jti():
    client = session(claims={"jti": "the only one"})
    client.refresh_token()
    raises("invalid_grant", client.refresh_token)


def times_are_within_five_minutes():
    now = int(time.time())
    granted(ask(exp=now + 290, iat=None))
    granted(ask(exp=str(now + 250), iat=str(now - 10)))
    for claims in [
        {"exp": now + 420, "iat": None},
        {"exp": now + 301, "iat": now},
        {"exp": now + 200, "iat": now + 120},
        {"exp": now - 90, "iat": now - 200},
        {"exp": None},
        {"exp": "soon"},
        {"nbf": now + 120},
    ]:
        refused(ask(**claims), "invalid_grant")


def audiences_name_the_endpoint():
    granted(ask(aud=[TOKEN, "https://elsewhere.example"]))
    for aud in [BASE, f"{TOKEN}/", [f"{BASE}/oauth"], [], None]:
        refused(ask(aud=aud), "invalid_grant")


def an_assertion_is_good_once():
    form = {"grant_type": GRANT, "assertion": assertion()}
    granted(post(form))
    refused(post(form), "invalid_grant")
    # One without a name is good until it expires.
    form = {"grant_type": GRANT, "assertion": assertion(jti=None)}
    granted(post(form))
    granted(post(form))


def other_grants_are_not_supported():
    for grant in ["client_credentials", "password", "authorization_code", GRANT.upper()]:
        form = {"grant_type": grant, "assertion": assertion()}
        refused(post(form), "unsupported_grant_type")
    refused(post({"assertion": assertion()}), "invalid_request")
    refused(post({"grant_type": GRANT}), "invalid_request")
    form = [("grant_type", GRANT), ("assertion", assertion()), ("grant_type", GRANT)]
    refused(post(form), "invalid_request")


def scopes_are_any_or_all_of_the_clients():
    def scope(asked):
        return granted(ask(form={"scope": asked}))["scope"]

    assert granted(ask())["scope"] == BOTH
    assert scope("orders:read") == "orders:read"
    assert scope("orders:write orders:read") == "orders:write orders:read"
    assert scope("orders:read,orders:write") == BOTH
    assert scope("orders:read, orders:write") == BOTH
    for wrong in ["admin", "orders:read admin", "orders", "ORDERS:READ", ","]:
        refused(ask(form={"scope": wrong}), "invalid_scope")


def as_json(answer):
    return "application/json", json.loads(answer.text)


def as_form(answer):
    fields = parse_qs(answer.text, strict_parsing=True)
    return "application/x-www-form-urlencoded", {name: value for name, [value] in fields.items()}


def as_xml(answer):
    root = ElementTree.fromstring(answer.content)
    assert root.tag == "oauth", root
    return "application/xml", {element.tag: element.text for element in root}


def three_formats_say_the_same():
    for name, parse in {"json": as_json, "urlencoded": as_form, "xml": as_xml}.items():
        good = ask(form={"format": name})
        content_type, members = parse(good)
        assert (good.status_code, good.headers["content-type"]) == (200, content_type), good.headers
        assert set(members) >= {"access_token", "token_type", "expires_in", "scope"}, members
        assert (members["token_type"], str(members["expires_in"])) == ("Bearer", "3600"), members
        assert members["scope"] == BOTH, members
        claims_of(members["access_token"])
        bad = ask(form={"format": name, "scope": "<admin> & more"})
        content_type, members = parse(bad)
        assert (bad.status_code, bad.headers["content-type"]) == (400, content_type), bad.headers
        assert members["error"] == "invalid_scope", members
        assert set(members) == {"error", "error_description"}, members
        # Where nothing asks for one, Accept may.
        accepting = ask(headers={"accept": content_type})
        assert parse(accepting)[1]["token_type"] == "Bearer", accepting.text
    refused(ask(form={"format": "yaml"}), "invalid_request")


class FiveMinutes(PrivateKeyJWT):
    """Authlib signs for an hour, and has no option for less."""

    def sign(self, auth, token_endpoint):
        return private_key_jwt_sign(auth.client_secret, auth.client_id, token_endpoint, expires_in=300)


def own_session(key=KEY, method=FiveMinutes):
    client = OAuth2Session(
        "crm", key, token_endpoint_auth_method="private_key_jwt", revocation_endpoint_auth_method="private_key_jwt"
    )
    client.register_client_auth_method(method(TOKEN))
    return client


def authlib_introspects_and_revokes():
    token, other = granted(ask())["access_token"], granted(ask())["access_token"]
    client = own_session()
    told = client.introspect_token(f"{BASE}/oauth/introspect", token=token).json()
    assert told["active"] is True and told["sub"] == "alice" and told["client_id"] == "crm", told
    assert order(token).status_code == 200
    answer = client.revoke_token(f"{BASE}/oauth/revoke", token=token, token_type_hint="access_token")
    assert answer.status_code == 200, answer.text
    told = client.introspect_token(f"{BASE}/oauth/introspect", token=token).json()
    assert told == {"active": False}, told
    answer = order(token)
    assert (answer.status_code, answer.json()["code"]) == (401, "token_revoked"), answer.text
    assert order(other).status_code == 200
    # Nobody learns whether a token was one.
    answer = client.revoke_token(f"{BASE}/oauth/revoke", token="unknown")
    assert answer.status_code == 200, answer.text
    for stranger in [own_session(STRANGER), own_session(method=PrivateKeyJWT)]:
        answer = stranger.revoke_token(f"{BASE}/oauth/revoke", token=other)
        assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client"), answer.text
    assert order(other).status_code == 200


def authlib_refreshes_and_a_copy_ends_all():
    first = granted(ask())
    client = own_session()
    second = client.refresh_token(TOKEN, refresh_token=first["refresh_token"])
    assert second["refresh_token"] != first["refresh_token"], "it was not exchanged"
    third = client.refresh_token(TOKEN, refresh_token=second["refresh_token"], scope="orders:read")
    assert third["scope"] == "orders:read", third
    assert claims_of(third["access_token"])["scope"] == "orders:read"
    for token in [first, second, third]:
        assert order(token["access_token"]).status_code == 200
    raises("invalid_scope", lambda: client.refresh_token(TOKEN, third["refresh_token"], scope="admin"))
    untouched = granted(ask())
    raises("invalid_grant", lambda: client.refresh_token(TOKEN, first["refresh_token"]))
    raises("invalid_grant", lambda: client.refresh_token(TOKEN, third["refresh_token"]))
    for token in [first, second, third]:
        assert order(token["access_token"]).status_code == 401
    assert order(untouched["access_token"]).status_code == 200
    client.refresh_token(TOKEN, untouched["refresh_token"])


CHECKS = [
    authlib_reads_the_metadata,
    authlib_gets_a_token_and_uses_it,
    joserfc_verifies_the_token,
    joserfc_refuses_a_changed_token,
    authlib_is_told_why_not,
    authlib_with_claims_of_its_own_repeats_their_jti,
    times_are_within_five_minutes,
    audiences_name_the_endpoint,
    an_assertion_is_good_once,
    other_grants_are_not_supported,
    scopes_are_any_or_all_of_the_clients,
    three_formats_say_the_same,
    authlib_introspects_and_revokes,
    authlib_refreshes_and_a_copy_ends_all,
]

for check in CHECKS:
    error = None
    try:
        check()
    except Exception:
        error = traceback.format_exc()
    print(json.dumps({"name": check.__name__.replace("_", " "), "error": error}), flush=True)
print(json.dumps({"answered": answered}), flush=True)
