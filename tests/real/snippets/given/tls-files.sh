# Certificates and keys under the names that the pages use.
umask 077
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 90 -keyout internal-ca.key -out internal-ca.pem -subj /CN=ca
for name in api shop gateway; do
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 90 -keyout $name.key -out $name.pem \
        -subj /CN=$name.example.com -addext "subjectAltName=DNS:$name.example.com,DNS:*.$name.example.com" \
        -addext basicConstraints=critical,CA:FALSE
done
