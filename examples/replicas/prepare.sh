#!/usr/bin/env bash
# Makes the files that the gateways share and that are not shipped: once, to be copied to each machine.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
umask 077

mkdir shared
openssl rand -hex 32 > shared/admin.token
openssl rand -hex 32 > shared/redis.password
openssl rand -base64 32 > shared/session.keys
openssl rand -hex 32 > shared/erp.secret
portcullis keys generate --directory shared/keys
# The client's own key. It keeps the private half; the gateways get the public one.
portcullis keys generate --directory client
portcullis keys list --directory client --format jwks > shared/erp.jwks.json
