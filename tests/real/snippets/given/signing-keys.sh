# The gateway's own keys.
portcullis keys generate --directory keys
