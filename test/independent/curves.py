"""Plain arithmetic on the three curves, for what the libraries leave out: vetting a public key
and deterministic ECDSA over a digest (RFC 6979). Slow and not constant-time: a test tool.
"""

import hashlib
import hmac
from typing import NamedTuple


class Curve(NamedTuple):
    """y^2 = x^3 + ax + b over p, with a base point of prime order n."""

    p: int
    a: int
    b: int
    n: int
    g: tuple


P256 = Curve(
    p=2**256 - 2**224 + 2**192 + 2**96 - 1,
    a=-3,
    b=0x5AC635D8AA3A93E7B3EBBD55769886BC651D06B0CC53B0F63BCE3C3E27D2604B,
    n=0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551,
    g=(0x6B17D1F2E12C4247F8BCE6E563A440F277037D812DEB33A0F4A13945D898C296,
       0x4FE342E2FE1A7F9B8EE7EB4A7C0F9E162BCE33576B315ECECBB6406837BF51F5),
)
SECP256K1 = Curve(
    p=2**256 - 2**32 - 977,
    a=0,
    b=7,
    n=0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141,
    g=(0x79BE667EF9DCBBAC55A06295CE870B07029BFCDB2DCE28D959F2815B16F81798,
       0x483ADA7726A3C4655DA4FBFC0E1108A8FD17B448A68554199C47D08FFB10D4B8),
)


def on_curve(curve, x, y):
    """Whether (x, y) is a point with both coordinates below p; infinity has no coordinates."""
    below = x < curve.p and y < curve.p
    return below and (y * y - x * x * x - curve.a * x - curve.b) % curve.p == 0


def add(curve, left, right):
    """The sum of two points; None is infinity."""
    if left is None or right is None:
        return right if left is None else left
    (x1, y1), (x2, y2) = left, right
    if x1 == x2 and (y1 + y2) % curve.p == 0:
        return None
    if left == right:
        slope = (3 * x1 * x1 + curve.a) * pow(2 * y1, -1, curve.p)
    else:
        slope = (y2 - y1) * pow(x2 - x1, -1, curve.p)
    x = (slope * slope - x1 - x2) % curve.p
    return x, (slope * (x1 - x) - y1) % curve.p


def multiply(curve, scalar, point):
    total = None
    while scalar:
        if scalar & 1:
            total = add(curve, total, point)
        point = add(curve, point, point)
        scalar >>= 1
    return total


def sign_ecdsa(curve, private, hashed):
    """(r, s) with low s over 32 hashed bytes, nonce by RFC 6979 with SHA-256."""
    z = int.from_bytes(hashed, 'big') % curve.n
    for k in _nonces(curve.n, private, z):
        r = multiply(curve, k, curve.g)[0] % curve.n
        s = pow(k, -1, curve.n) * (z + r * private) % curve.n
        if r and s:
            return r, min(s, curve.n - s)


def _nonces(n, private, z):
    def mac(key, *parts):
        return hmac.new(key, b''.join(parts), hashlib.sha256).digest()

    seed = private.to_bytes(32, 'big') + z.to_bytes(32, 'big')
    key, value = bytes(32), b'\x01' * 32
    for step in (b'\0', b'\x01'):
        key = mac(key, value, step, seed)
        value = mac(key, value)
    while True:
        value = mac(key, value)
        k = int.from_bytes(value, 'big')
        if 1 <= k < n:
            yield k
        key = mac(key, value, b'\0')
        value = mac(key, value)


ED_P = 2**255 - 19
ED_ORDER = 2**252 + 27742317777372353535851937790883648493
ED_D = -121665 * pow(121666, -1, ED_P) % ED_P


def ed_point(encoded):
    """The point of a canonical encoding (RFC 8032, 5.1.3) as (x, y), or None."""
    y = int.from_bytes(encoded, 'little')
    sign, y = y >> 255, y & (1 << 255) - 1
    if y >= ED_P:
        return None
    square = (y * y - 1) * pow(ED_D * y * y + 1, -1, ED_P) % ED_P
    x = pow(square, (ED_P + 3) // 8, ED_P)
    if (x * x - square) % ED_P:
        x = x * pow(2, (ED_P - 1) // 4, ED_P) % ED_P
    if (x * x - square) % ED_P or (x == 0 and sign):
        return None
    return (ED_P - x if x & 1 != sign else x), y


def ed_add(left, right):
    (x1, y1), (x2, y2) = left, right
    product = ED_D * x1 * x2 * y1 * y2 % ED_P
    x = (x1 * y2 + x2 * y1) * pow(1 + product, -1, ED_P) % ED_P
    y = (y1 * y2 + x1 * x2) * pow(1 - product, -1, ED_P) % ED_P
    return x, y


def ed_in_prime_subgroup(point):
    """Whether it is a point of order L: in the prime-order subgroup and not its identity."""
    total, scalar, double = (0, 1), ED_ORDER, point
    while scalar:
        if scalar & 1:
            total = ed_add(total, double)
        double = ed_add(double, double)
        scalar >>= 1
    return point != (0, 1) and total == (0, 1)
