"""Canaille, an OpenID provider of another make: python provider.py PORT JWKS_FILE

The file is {"active": [private JWKs], "inactive": [private JWKs]}; the first kind signs, both are
published. There is one client and one user, and tokens come by the password grant.
"""

import asyncio
import datetime
import json
import sys

import hypercorn.asyncio
import hypercorn.config
from canaille.app import models
from canaille.backends import Backend
from canaille import create_app

port, jwks_file = sys.argv[1:]
with open(jwks_file, encoding="utf-8") as file:
    jwks = json.load(file)

app = create_app(
    {
        "SECRET_KEY": "not a secret: nobody logs in here",
        "SERVER_NAME": f"127.0.0.1:{port}",
        "PREFERRED_URL_SCHEME": "http",
        "CANAILLE": {"DATABASE": "memory", "LOGGING": None},
        "CANAILLE_OIDC": {
            "ACTIVE_JWKS": jwks["active"],
            "INACTIVE_JWKS": jwks["inactive"],
        },
    },
    env_file=None,
)
with app.app_context():
    client = models.Client(
        client_id="orders-web",
        client_secret="a-secret-of-the-test",
        client_name="orders",
        client_uri="http://127.0.0.1",
        redirect_uris=["http://127.0.0.1/callback"],
        contacts=["orders@example.com"],
        grant_types=["password"],
        response_types=["token"],
        scope=["openid", "profile", "email"],
        token_endpoint_auth_method="client_secret_basic",
        client_id_issued_at=datetime.datetime.now(datetime.timezone.utc),
    )
    Backend.instance.save(client)
    client.audience = [client]
    Backend.instance.save(client)
    Backend.instance.save(
        models.User(
            user_name="alice",
            family_name="Liddell",
            given_name="Alice",
            formatted_name="Alice Liddell",
            emails=["alice@example.com"],
            password="a-password-of-the-test",
        )
    )

config = hypercorn.config.Config.from_mapping(bind=[f"127.0.0.1:{port}"], workers=1)
print("listening", flush=True)
asyncio.run(hypercorn.asyncio.serve(app, config, mode="wsgi"))
