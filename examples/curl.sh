#!/usr/bin/env bash
# Every case of `portcullis demo` with curl, each held to its status and code.
#
# Usage:  portcullis demo            (in another terminal)
#         examples/curl.sh
#
# A demo on other ports:  GATEWAY=http://127.0.0.1:18080 ISSUER=http://127.0.0.1:18081 examples/curl.sh
# Needs curl and nothing else.
set -euo pipefail

GATEWAY="${GATEWAY:-http://127.0.0.1:8080}"
ISSUER="${ISSUER:-http://127.0.0.1:8081}"

passed=0
failed=0

# token KIND: a fresh token of that kind.
token() { curl -sS --fail "$ISSUER/token?kind=$1&format=text"; }

# bearer KIND: the header that carries one.
bearer() { printf 'Authorization: Bearer %s' "$(token "$1")"; }

# try NAME STATUS CODE TEXT CURL-ARGUMENT…: the answer must have that status, that code ("-": none),
# and that text somewhere in it.
try() {
    local name="$1" status="$2" code="$3" text="$4" answer got_status got_code
    shift 4
    answer="$(curl -sS -i --max-time 20 "$@" | tr -d '\r')"
    got_status="$(head -n 1 <<<"$answer" | cut -d ' ' -f 2)"
    got_code="$(sed -n 's/.*"code": *"\([a-z_]*\)".*/\1/p' <<<"$answer" | head -n 1)"
    if [[ "$got_status" == "$status" && "${got_code:--}" == "$code" && "$answer" == *"$text"* ]]; then
        passed=$((passed + 1))
        printf 'ok      %s: %s %s\n' "$name" "$status" "${code#-}"
    else
        failed=$((failed + 1))
        printf 'FAILED  %s: wanted %s %s %s, got:\n%s\n' "$name" "$status" "$code" "$text" "$answer"
    fi
}

orders="$GATEWAY/orders/42"

# What passes.
try 'valid token' 200 - '"x-auth-subject": "alice"' "$orders" -H "$(bearer valid)"
try 'RS256' 200 - '"x-auth-subject": "alice"' "$orders" -H "$(bearer rs256)"
try 'Ed25519' 200 - '"x-auth-subject": "alice"' "$orders" -H "$(bearer eddsa)"
try 'second issuer' 200 - "\"x-auth-issuer\": \"$ISSUER/partner\"" "$orders" -H "$(bearer partner)"
try 'forged identity header' 200 - '"x-auth-subject": "alice"' "$orders" -H "$(bearer valid)" \
    -H 'X-Auth-Subject: root'
try 'form body' 200 - '"body": "item=tea&access_token=' "$orders" -d item=tea \
    -d "access_token=$(token valid)"
try 'public path' 200 - '"path": "/status"' "$GATEWAY/status"
try 'public path, bad token' 200 - '"path": "/status"' "$GATEWAY/status" -H "$(bearer forged)"
try 'optional, no token' 200 - '"path": "/catalog/tea"' "$GATEWAY/catalog/tea"
try 'optional, valid token' 200 - '"x-auth-subject": "alice"' "$GATEWAY/catalog/tea" \
    -H "$(bearer valid)"

# What does not.
try 'no token' 401 token_missing 'Bearer realm=' "$orders"
try 'other scheme' 401 token_missing 'Bearer realm=' "$orders" -u alice:secret
try 'token in the query' 401 token_missing 'Bearer realm=' "$orders?access_token=$(token valid)"
try 'not a token' 401 token_malformed 'error="invalid_token"' "$orders" \
    -H 'Authorization: Bearer not-a-token'
try 'expired' 401 token_expired 'error="invalid_token"' "$orders" -H "$(bearer expired)"
try 'not yet valid' 401 token_not_yet_valid 'error="invalid_token"' "$orders" \
    -H "$(bearer not-yet-valid)"
try 'wrong audience' 401 audience_not_allowed 'error="invalid_token"' "$orders" \
    -H "$(bearer wrong-audience)"
try 'wrong client' 401 claim_not_allowed 'error="invalid_token"' "$orders" \
    -H "$(bearer wrong-client)"
try 'wrong type' 401 type_not_allowed 'error="invalid_token"' "$orders" -H "$(bearer wrong-type)"
try 'forged' 401 signature_invalid 'error="invalid_token"' "$orders" -H "$(bearer forged)"
try 'other key' 401 key_not_found 'error="invalid_token"' "$orders" -H "$(bearer other-key)"
try 'other issuer' 401 issuer_unknown 'error="invalid_token"' "$orders" -H "$(bearer other-issuer)"
try 'unsigned' 401 algorithm_not_allowed 'error="invalid_token"' "$orders" -H "$(bearer unsigned)"
try 'optional, bad token' 401 signature_invalid 'error="invalid_token"' "$GATEWAY/catalog/tea" \
    -H "$(bearer forged)"
try 'no scope' 403 scope_insufficient 'scope="orders:read"' "$orders" -H "$(bearer no-scope)"
try 'other scope' 403 scope_insufficient 'scope="reports:read"' "$GATEWAY/reports/2026" \
    -H "$(bearer valid)"
try 'two tokens' 400 token_ambiguous 'error="invalid_request"' "$orders" -H "$(bearer valid)" \
    -d "access_token=$(token valid)"

# A rotation refuses nobody. The pause is for 'other key' above: the gateway asks the issuer about
# unknown keys at most once in `fetch.cooldown`, which is a second here.
sleep 1.2
old="$(bearer valid)"
curl -sS --fail -X POST -o /dev/null "$ISSUER/rotate"
try 'after a rotation, new key' 200 - '"x-auth-subject": "alice"' "$orders" -H "$(bearer valid)"
try 'after a rotation, old key' 200 - '"x-auth-subject": "alice"' "$orders" -H "$old"

printf '%s passed, %s failed\n' "$passed" "$failed"
[[ "$failed" -eq 0 ]]
