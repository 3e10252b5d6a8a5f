"""Keys and tokens: real ones of about 950 bytes, with a dozen claims and more."""

import base64
import datetime
import json
import os
import time
import uuid
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

ISSUER = "https://idp.example.com/realms/orders"
AUDIENCE = "https://api.example.com"
YEAR = 365 * 86_400
BATCH = 5_000
# Part of the names of the kept files: another form of token means other files.
FORM = 1


def certificate(name):
    """A self-signed certificate for `name` and its key (ECDSA P-256), as PEM."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    now = datetime.datetime.now(datetime.timezone.utc)
    signed = (
        x509.CertificateBuilder().subject_name(subject).issuer_name(subject)
        .public_key(key.public_key()).serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=90))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    return signed.public_bytes(serialization.Encoding.PEM) + key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


class Signer:
    """A private key and the JWK that others verify with."""

    def __init__(self, algorithm, kid, pem):
        self.algorithm, self.kid, self.pem = algorithm, kid, pem
        self.private = serialization.load_pem_private_key(pem, None)

    @classmethod
    def kept(cls, folder, algorithm, kid):
        """The one that an earlier run made, or a new one."""
        file = Path(folder) / f"{kid}.pem"
        if not file.exists():
            file.write_bytes(_new(algorithm))
        return cls(algorithm, kid, file.read_bytes())

    @classmethod
    def new(cls, algorithm, kid):
        """One that nobody has seen."""
        return cls(algorithm, kid, _new(algorithm))

    def jwk(self):
        numbers = self.private.public_key().public_numbers()
        common = {"kid": self.kid, "alg": self.algorithm, "use": "sig"}
        if self.algorithm == "RS256":
            return common | {"kty": "RSA", "n": _number(numbers.n, 256), "e": "AQAB"}
        x, y = _number(numbers.x, 32), _number(numbers.y, 32)
        return common | {"kty": "EC", "crv": "P-256", "x": x, "y": y}

    def public_pem(self):
        return self.private.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )

    def sign(self, message):
        if self.algorithm == "RS256":
            return self.private.sign(message, padding.PKCS1v15(), hashes.SHA256())
        r, s = decode_dss_signature(self.private.sign(message, ec.ECDSA(hashes.SHA256())))
        return r.to_bytes(32) + s.to_bytes(32)

    def token(self, number=0, issuer=ISSUER, **changes):
        header = {"alg": self.algorithm, "kid": self.kid, "typ": "JWT"}
        parts = ".".join(_encoded(json.dumps(part).encode())
                         for part in (header, claims(number, issuer) | changes))
        return f"{parts}.{_encoded(self.sign(parts.encode()))}"

    def kept_tokens(self, folder, count, issuers=1):
        """`count` tokens of `issuers` issuers in turn; an earlier run's while these are young."""
        file = Path(folder) / f"{self.kid}-{count}-{issuers}-{FORM}.txt"
        if not file.exists() or time.time() - file.stat().st_mtime > YEAR / 2:
            starts = range(0, count, BATCH)
            jobs = [(self.algorithm, self.kid, self.pem, start, min(start + BATCH, count), issuers)
                    for start in starts]
            with ProcessPoolExecutor(os.cpu_count()) as pool:
                lines = [line for batch in pool.map(_mint, jobs) for line in batch]
            file.write_text("\n".join(lines) + "\n")
        return file.read_text().split()


def issuer_name(number, count):
    """The name of one of `count` issuers."""
    return ISSUER if count == 1 else f"https://idp.example.com/realms/{number:06d}"


def claims(number, issuer=ISSUER):
    now = int(time.time())
    return {
        "iss": issuer, "sub": f"user-{number:06d}", "aud": [AUDIENCE],
        "exp": now + YEAR, "iat": now, "nbf": now, "jti": str(uuid.uuid4()),
        "azp": "orders-web", "typ": "Bearer",
        "scope": "openid profile email orders:read orders:write",
        "groupIds": ["staff", "buyers", "eu-west"], "email": f"user{number}@example.com",
        "preferred_username": f"user{number}", "sid": str(uuid.uuid4()),
    }


def bad_tokens(signer, stranger):
    """Tokens that every proxy which checks must refuse, by what is wrong with them."""
    return {
        "signature": stranger.token(),
        "issuer": signer.token(issuer="https://evil.example.com"),
        "audience": signer.token(aud=["https://other.example.com"]),
        "expiry": signer.token(exp=int(time.time()) - 3600),
    }


def payload_size(token):
    """Bytes of the claims' text."""
    return len(token.split(".")[1]) * 3 // 4


def _mint(job):
    algorithm, kid, pem, start, end, issuers = job
    signer = Signer(algorithm, kid, pem)
    return [signer.token(n, issuer_name(n % issuers, issuers)) for n in range(start, end)]


def _new(algorithm):
    key = (rsa.generate_private_key(65537, 2048) if algorithm == "RS256"
           else ec.generate_private_key(ec.SECP256R1()))
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
                             serialization.NoEncryption())


def _encoded(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _number(value, size):
    return _encoded(value.to_bytes(size))
