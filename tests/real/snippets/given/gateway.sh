# `portcullis run` with the page's portcullis.toml.
# background until http://127.0.0.1:9090/readyz
grep -q '^\[admin\]' portcullis.toml || printf '\n[admin]\nlisten = "127.0.0.1:9090"\n' >> portcullis.toml
portcullis run
