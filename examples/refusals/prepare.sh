#!/usr/bin/env bash
# Makes what the two gateways need and what is not shipped: keys.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
umask 077

openssl genpkey -algorithm X25519 -out decryption.pem
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 90 \
    -keyout tls.key -out tls.pem -subj /CN=localhost -addext subjectAltName=IP:127.0.0.1
[[ -d keys ]] || portcullis keys generate -c portcullis.toml
