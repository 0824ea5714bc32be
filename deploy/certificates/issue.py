"""Issues what each part of a site needs to be believed: a TLS certificate and a signing key, in a folder of its own.

Run again, it keeps what is there and adds what is missing, so that a new gateway is one more name. It neither renews
nor revokes: a certificate near its end is deleted, and issued anew by the next run.
"""

import argparse
import json
import os
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from runtime.clock import RealClock
from wire.signing import Role, new_key, public_part

VALID_FOR: Final = timedelta(days=825)
"""Life of a certificate: the longest that common TLS stacks accept."""
AUTHORITY_VALID_FOR: Final = timedelta(days=3650)
AUTHORITY: Final = "authority"
BROKER: Final = "broker"
SIGNS_CERTIFICATES: Final = x509.KeyUsage(
    digital_signature=False,
    content_commitment=False,
    key_encipherment=False,
    data_encipherment=False,
    key_agreement=False,
    key_cert_sign=True,
    crl_sign=True,
    encipher_only=False,
    decipher_only=False,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Authority:
    """The site's own certificate authority."""

    key: ec.EllipticCurvePrivateKey
    certificate: x509.Certificate


def issue(folder: Path, *, gateways: list[str], broker_names: list[str], now: datetime) -> None:
    """Fill `folder`/<identity>/ for the broker, control, ingest and each gateway."""
    authority = open_authority(folder / AUTHORITY, now)
    ca = authority.certificate.public_bytes(serialization.Encoding.PEM)
    roles = {"control": Role.CONTROL, "ingest": Role.INGEST} | dict.fromkeys(gateways, Role.GATEWAY)
    for identity in (BROKER, *roles):
        own = folder / identity
        own.mkdir(parents=True, exist_ok=True)
        (own / "ca.pem").write_bytes(ca)
        if not (own / "certificate.pem").exists():
            write_certificate(
                own, identity, authority, names=broker_names if identity == BROKER else [], now=now
            )
    for identity, role in roles.items():
        path = folder / identity / "own.jwk"
        if not path.exists():
            write_secret(
                path, json.dumps(new_key(kid=f"{identity}-1", role=role, identity=identity)).encode()
            )
    trusted = {
        "keys": [public_part(json.loads((folder / identity / "own.jwk").read_text())) for identity in roles]
    }
    for identity in roles:
        (folder / identity / "trusted.jwks").write_text(json.dumps(trusted))


def open_authority(folder: Path, now: datetime) -> Authority:
    """Return the authority kept in `folder`, made there at the first call."""
    if (folder / "key.pem").exists():
        key = serialization.load_pem_private_key((folder / "key.pem").read_bytes(), password=None)
        assert isinstance(key, ec.EllipticCurvePrivateKey)
        return Authority(
            key=key, certificate=x509.load_pem_x509_certificate((folder / "ca.pem").read_bytes())
        )
    folder.mkdir(parents=True, exist_ok=True)
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Stoplog site authority")])
    certificate = (
        begin(name, name, key, now, AUTHORITY_VALID_FOR)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(SIGNS_CERTIFICATES, critical=True)
        .sign(key, hashes.SHA256())
    )
    write_secret(folder / "key.pem", pem(key))
    (folder / "ca.pem").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    return Authority(key=key, certificate=certificate)


def write_certificate(
    folder: Path, identity: str, authority: Authority, *, names: list[str], now: datetime
) -> None:
    """Write key and certificate of `identity`: a server's when it has host names, a client's otherwise."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, identity)])
    usage = ExtendedKeyUsageOID.SERVER_AUTH if names else ExtendedKeyUsageOID.CLIENT_AUTH
    signer = x509.AuthorityKeyIdentifier.from_issuer_public_key(authority.key.public_key())
    builder = (
        begin(subject, authority.certificate.subject, key, now, VALID_FOR)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.ExtendedKeyUsage([usage]), critical=False)
        .add_extension(signer, critical=False)
    )
    if names:
        builder = builder.add_extension(
            x509.SubjectAlternativeName([alternative(n) for n in names]), critical=False
        )
    certificate = builder.sign(authority.key, hashes.SHA256())
    write_secret(folder / "key.pem", pem(key))
    (folder / "certificate.pem").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))


def begin(
    subject: x509.Name,
    issuer: x509.Name,
    key: ec.EllipticCurvePrivateKey,
    now: datetime,
    valid_for: timedelta,
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))  # edge clocks may lag
        .not_valid_after(now + valid_for)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )


def alternative(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def write_secret(path: Path, content: bytes) -> None:
    """Write a file that only its owner reads."""
    path.touch(mode=0o600)
    path.write_bytes(content)


def give(folder: Path, owners: dict[str, int]) -> None:
    """Hand each identity's folder to the user that runs it."""
    for identity, user in owners.items():
        for path in (folder / identity, *(folder / identity).iterdir()):
            os.chown(path, user, user)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="where the identities' folders are or shall be")
    parser.add_argument(
        "--gateway", action="append", default=[], metavar="ID", help="a gateway's id; once for each"
    )
    parser.add_argument(
        "--broker-name",
        action="append",
        default=[],
        metavar="HOST",
        help="host name or address of the broker",
    )
    parser.add_argument(
        "--owner", action="append", default=[], metavar="ID=UID", help="user that runs an identity"
    )
    given = parser.parse_args()
    names = given.broker_name or [BROKER, "localhost", "127.0.0.1"]
    now = datetime.fromtimestamp(RealClock().now_ms() / 1000, UTC)
    issue(given.folder, gateways=given.gateway, broker_names=names, now=now)
    give(
        given.folder,
        {identity: int(user) for identity, _, user in (owner.partition("=") for owner in given.owner)},
    )
    print(f"issued below {given.folder}: broker, control, ingest, {', '.join(given.gateway)}")


if __name__ == "__main__":
    main()
