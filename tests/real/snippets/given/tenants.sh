# A gateway's configuration with a bound tenant, and a token of the tenant acme.
umask 077
openssl rand -hex 32 > secret
cat > portcullis.toml <<'TOML'
[upstream]
url = "http://127.0.0.1:9000"

[[routes]]
path = "/t/{tenant}/orders"
bind = [{ claim = "tenant", path = "tenant" }, { claim = "tenant", header = "X-Tenant" }, { claim = "/account/id", json = "/accountId" }]

[issuers."https://idp.example.com"]
shared_secret_file = "secret"
audiences          = ["https://api.example.com"]
TOML
TOKEN="$(portcullis mint --secret-file secret --issuer https://idp.example.com --subject alice \
    --audience https://api.example.com --claim tenant=acme --claim-json 'account={"id":42}')"
