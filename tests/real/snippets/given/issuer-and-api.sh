# The demo's issuer and its API, for a gateway of the page's own.
# background until http://127.0.0.1:8081/jwks.json
ISSUER=127.0.0.1:8081
API=127.0.0.1:9000
portcullis demo --port 0 --admin-port 0 --issuer-port "${ISSUER##*:}" --upstream-port "${API##*:}"
