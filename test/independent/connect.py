"""The signed login and the checks on it: section 13."""

import keys
import messages
from cbor import Malformed
from typed_data import digest

CLOCK_TOLERANCE_SECONDS = 120


def password(domain, value, signature_of):
    """The MQTT password; signature_of signs a digest."""
    signature = signature_of(digest(domain, 'Connect', value))
    return messages.pack('connect', {'value': value, 'signature': signature})


def judge(domain, gateway, known_keys, login, now, used_nonces):
    """The answer to a login: client id, user name and password as a dict."""
    try:
        signed = messages.unpack('connect', login['password'])
    except Malformed:
        return 'malformed'
    value = signed['value']
    name = f'{value["fleet"]}/{value["device"]}'
    if login['clientId'] != name or login['username'] != name:
        return 'bad_client_id'
    if value['gateway'] != gateway:
        return 'wrong_gateway'
    if name not in known_keys:
        return 'unknown_device'
    hashed = digest(domain, 'Connect', value)
    if not keys.verify(known_keys[name], hashed, signed['signature']):
        return 'bad_signature'
    if abs(value['issuedAt'] - now) > CLOCK_TOLERANCE_SECONDS:
        return 'stale_clock'
    return 'nonce_reused' if value['nonce'] in used_nonces else 'accepted'
