# The gateway of docs/protect-an-api.md, in front of the demo's API, and its log in a file.
# background until http://127.0.0.1:9090/readyz
cat > portcullis.toml <<'TOML'
[server]
listen     = "127.0.0.1:8080"
public_url = "http://127.0.0.1:8080"

[admin]
listen = "127.0.0.1:9090"

[upstream]
url = "http://127.0.0.1:9000"

[issuers."http://127.0.0.1:8081"]
audiences = ["https://api.example.com"]
TOML
portcullis run --log-format json 2> gateway.log
