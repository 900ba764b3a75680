"""Certificates made for a test, good ones and bad ones."""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
)
from cryptography.x509.oid import NameOID


@dataclass
class Authority:
    """Signs servers' certificates; `bundle` is what one trusts it by."""

    folder: Path
    name: str = "Test CA"

    def __post_init__(self) -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._subject = _subject(self.name)
        self._certificate = self._sign(self._subject, self._key, x509.BasicConstraints(True, None))
        self.bundle = self.folder / f"{self.name}.pem".replace(" ", "-")
        self.bundle.write_bytes(self._certificate.public_bytes(Encoding.PEM))

    def server(
        self, host: str = "127.0.0.1", expired: bool = False, self_signed: bool = False
    ) -> ssl.SSLContext:
        """What a server needs that says to be `host`, an address or a name."""
        key = ec.generate_private_key(ec.SECP256R1())
        certificate = self._sign(
            _subject(host),
            key,
            x509.SubjectAlternativeName([_general_name(host)]),
            days=-1 if expired else 30,
            by=key if self_signed else None,
        )
        path = self.folder / f"server-{certificate.serial_number}.pem"
        private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        path.write_bytes(private + certificate.public_bytes(Encoding.PEM))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(path)
        return context

    def _sign(
        self,
        subject: x509.Name,
        key: ec.EllipticCurvePrivateKey,
        extension: x509.ExtensionType,
        days: int = 30,
        by: ec.EllipticCurvePrivateKey | None = None,
    ) -> x509.Certificate:
        now = datetime.now(UTC)
        signer = by or self._key
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(subject if by else self._subject)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(days=10))
            .not_valid_after(now + timedelta(days=days))
            .add_extension(extension, critical=isinstance(extension, x509.BasicConstraints))
            .sign(signer, hashes.SHA256())
        )


def _subject(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


def _general_name(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ip_address(host))
    except ValueError:
        return x509.DNSName(host)
