# A gateway with two routes, in front of the demo's API, with the demo's issuer.
# background until http://127.0.0.1:9090/readyz
cat > portcullis.toml <<'TOML'
[server]
listen = "127.0.0.1:8080"

[admin]
listen = "127.0.0.1:9090"

[upstream]
url = "http://127.0.0.1:9000"

[[routes]]
path    = "/orders/{id}"
methods = ["GET"]

[[routes]]
host = "admin.example.com"

[issuers."http://127.0.0.1:8081"]
audiences = ["https://api.example.com"]
TOML
portcullis run
