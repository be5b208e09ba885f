"""Keys and signatures: section 5.3. A public key here is the algorithm byte and the key."""

import hashlib

from Cryptodome.Hash import SHA256
from Cryptodome.PublicKey import ECC
from Cryptodome.Signature import DSS
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, utils
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

import curves

ALGORITHMS = {'p256': 1, 'ed25519': 2, 'secp256k1': 3}
NAMES = {byte: name for name, byte in ALGORITHMS.items()}
CURVES = {'p256': curves.P256, 'secp256k1': curves.SECP256K1}
LIBRARY_CURVES = {'p256': ec.SECP256R1(), 'secp256k1': ec.SECP256K1()}


def public_key(algorithm, private):
    """The public key of 32 private bytes."""
    if algorithm == 'ed25519':
        pair = ed25519.Ed25519PrivateKey.from_private_bytes(private)
        key = pair.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    else:
        scalar = int.from_bytes(private, 'big')
        pair = ec.derive_private_key(scalar, LIBRARY_CURVES[algorithm])
        encoding = (Encoding.X962, PublicFormat.UncompressedPoint)
        key = pair.public_key().public_bytes(*encoding)[1:]
    return bytes([ALGORITHMS[algorithm]]) + key


def is_usable(public):
    """Whether a key may be pinned."""
    name, key = NAMES.get(public[0] if public else 0), public[1:]
    if name == 'ed25519':
        point = curves.ed_point(key) if len(key) == 32 else None
        return point is not None and curves.ed_in_prime_subgroup(point)
    return name is not None and len(key) == 64 and curves.on_curve(CURVES[name], *_halves(key))


def sign(algorithm, private, digest):
    """The 64 bytes of a signature."""
    if algorithm == 'ed25519':
        return ed25519.Ed25519PrivateKey.from_private_bytes(private).sign(digest)
    if algorithm == 'p256':
        return _sign_p256(private, digest)
    pair = curves.sign_ecdsa(curves.SECP256K1, int.from_bytes(private, 'big'), digest)
    return _pack(*pair)


def verify(public, digest, signature):
    """Whether a signature is by the key; False for whatever is refused."""
    if len(signature) != 64 or not is_usable(public):
        return False
    name = NAMES[public[0]]
    try:
        if name == 'ed25519':
            ed25519.Ed25519PublicKey.from_public_bytes(public[1:]).verify(signature, digest)
            return True
        return _verify_ecdsa(name, public, digest, signature)
    except InvalidSignature:
        return False


def _sign_p256(private, digest):
    pair = ECC.construct(curve='P-256', d=int.from_bytes(private, 'big'))
    signature = DSS.new(pair, 'deterministic-rfc6979').sign(SHA256.new(digest))
    r, s = _halves(signature)
    return _pack(r, min(s, curves.P256.n - s))


def _verify_ecdsa(name, public, digest, signature):
    n = CURVES[name].n
    r, s = _halves(signature)
    if not (1 <= r < n and 1 <= s <= (n - 1) // 2):
        return False
    hashed = hashlib.sha256(digest).digest() if name == 'p256' else digest
    curve = LIBRARY_CURVES[name]
    key = ec.EllipticCurvePublicKey.from_encoded_point(curve, b'\x04' + public[1:])
    form = ec.ECDSA(utils.Prehashed(hashes.SHA256()))
    key.verify(utils.encode_dss_signature(r, s), hashed, form)
    return True


def _halves(data):
    return int.from_bytes(data[:32], 'big'), int.from_bytes(data[32:], 'big')


def _pack(r, s):
    return r.to_bytes(32, 'big') + s.to_bytes(32, 'big')
