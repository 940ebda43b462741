"""The certificate of a cluster: self-signed, its own, and shown by everybody in it.

Client, scheduler and workers hold the same certificate and key, and trust that certificate alone, as
`distributed.Security.temporary` does: who holds it is in the cluster, and nobody else can speak to it.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from prefect_platform.server.db.tables import ClusterRow
from prefect_platform.server.stores import envelope
from prefect_platform.server.stores.envelope import Envelope
from prefect_platform.server.stores.keyring import Keyring, Wrapped

VALID = timedelta(days=3650)
"""It ends with its cluster, not by its date."""
SKEW = timedelta(days=1)
"""Clocks of machines may differ by so much."""


@dataclass(frozen=True)
class Certificate:
    """PEM."""

    certificate: str
    key: str = field(repr=False)


def make(name: str, at: datetime) -> Certificate:
    """A new certificate and its key."""
    # Heavy, and needed only where a cluster begins.
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import NameOID

    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name[:64])])
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(at - SKEW)
        .not_valid_after(at + VALID)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    private = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return Certificate(made.public_bytes(pem).decode(), private.decode())


def context(project_id: str, cluster_id: str) -> bytes:
    """What the key is bound to: it cannot be opened as another cluster's."""
    return json.dumps(["prefect-platform cluster", project_id, cluster_id]).encode()


def close(keyring: Keyring, found: Certificate, project_id: str, cluster_id: str) -> dict[str, str]:
    """The columns of a row that keep it."""
    sealed = envelope.close(keyring, found.key, context(project_id, cluster_id))
    return {
        "certificate": found.certificate,
        "key_id": sealed.key.key_id,
        "wrapped_key": sealed.key.text,
        "private_key": sealed.ciphertext,
    }


def opened(keyring: Keyring, row: ClusterRow) -> Certificate:
    """The certificate of a cluster. Raises what `Keyring.unwrap` raises."""
    sealed = Envelope(Wrapped(row.key_id, row.wrapped_key), row.private_key)
    return Certificate(row.certificate, envelope.opened(keyring, sealed, context(row.project_id, row.id)))
