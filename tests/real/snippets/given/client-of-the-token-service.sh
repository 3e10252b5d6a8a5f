# A registered client's key and certificate, and another one's secret.
umask 077
openssl req -x509 -newkey rsa:2048 -nodes -days 90 -keyout orders-batch.key -out orders-batch.pem -subj /CN=orders-batch
openssl rand -hex 32 > auditor.secret
