# `portcullis demo`.
# background until http://127.0.0.1:9090/readyz
GATEWAY=127.0.0.1:8080
ISSUER=127.0.0.1:8081
API=127.0.0.1:9000
ADMIN=127.0.0.1:9090
portcullis demo --port "${GATEWAY##*:}" --issuer-port "${ISSUER##*:}" --upstream-port "${API##*:}" --admin-port "${ADMIN##*:}"
