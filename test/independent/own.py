"""What a device knows from its enrolment, and what it verifies of what it is told."""

from dataclasses import dataclass

import keys
from cbor import Malformed
from chain import Chain
from typed_data import Domain, digest


class Distrust(Exception):
    """What the gateway says is not so."""


@dataclass(frozen=True)
class Own:
    """The enrolment of section 3; keys are an algorithm byte and the key."""

    fleet: str
    device: str
    gateway: str
    gateway_key: bytes
    domain: Domain
    algorithm: str
    private_key: bytes
    root_secret: bytes
    meters: dict
    signer_key: bytes = None
    price_max: int = None

    @property
    def public_key(self):
        return keys.public_key(self.algorithm, self.private_key)

    def digest(self, name, value):
        return digest(self.domain, name, value)

    def sign(self, hashed):
        return keys.sign(self.algorithm, self.private_key, hashed)


def from_config(config):
    domain = config['domain']
    return Own(
        fleet=config['fleet'],
        device=config['device'],
        gateway=config['gateway'],
        gateway_key=bytes.fromhex(config['gatewayKey']),
        domain=Domain(int(domain['chainId']), bytes.fromhex(domain['verifyingContract'])),
        algorithm=config['algorithm'],
        private_key=bytes.fromhex(config['privateKey']),
        root_secret=bytes.fromhex(config['rootSecret']),
        meters={one['meter']: one['unit'] for one in config['meters']},
        signer_key=bytes.fromhex(config['signerKey']) if 'signerKey' in config else None,
        price_max=int(config['priceMax']) if 'priceMax' in config else None,
    )


@dataclass(frozen=True)
class Epoch:
    """A commitment of this device, with the chain it computed itself."""

    terms: dict
    signature: bytes
    chain: Chain

    @property
    def number(self):
        return self.terms['epoch']


def check_time(own, nonce, message):
    """The seconds in a signed time that answers our login."""
    value = message['value']
    hashed = own.digest('Time', value)
    if value['gateway'] != own.gateway or value['nonce'] != nonce:
        raise Distrust('a time for somebody else')
    if not keys.verify(own.gateway_key, hashed, message['signature']):
        raise Distrust('a time that the gateway did not sign')
    return value['time']


def check_tariffs(own, signed):
    """The tariffs of this gateway, as (hash, tariff)."""
    found = []
    for one in signed:
        hashed = own.digest('Tariff', one['value'])
        if one['value']['gateway'] != own.gateway:
            raise Distrust('a tariff of another gateway')
        if not keys.verify(own.gateway_key, hashed, one['signature']):
            raise Distrust('a tariff that the gateway did not sign')
        found.append((hashed, one['value']))
    return found


def check_channel(own, channel):
    """The id of a channel of this device: section 14.2, 1."""
    mine = {'payerAlgorithm': own.public_key[0], 'payerKey': own.public_key[1:],
            'fleet': own.fleet, 'gateway': own.gateway}
    for name, value in mine.items():
        if channel[name] != value:
            raise Distrust(f'{name} of the channel is not ours')
    if channel['meter'] not in own.meters:
        raise Distrust('the channel is for a meter we do not have')
    return own.digest('Channel', channel)


def check_mandate(own, channel_id, signed):
    """The mandate, or None: section 14.2, 2."""
    if signed is None:
        return None
    if signed['value']['channelId'] != channel_id:
        raise Distrust('the mandate is for another channel')
    hashed = own.digest('Mandate', signed['value'])
    if own.signer_key and not keys.verify(own.signer_key, hashed, signed['signature']):
        raise Distrust('a mandate that the fleet did not sign')
    return signed['value']


def check_epoch(own, channel_id, signed):
    """A commitment the gateway says is ours: section 14.2, 3 and 4."""
    terms = signed['value']
    if terms['channelId'] != channel_id:
        raise Distrust('the commitment is for another channel')
    hashed = own.digest('Commitment', terms)
    if not keys.verify(own.public_key, hashed, signed['signature']):
        raise Distrust('a commitment we did not sign')
    if not 1 <= terms['length'] <= 65_536:
        raise Malformed('length')
    epoch = Epoch(terms, signed['signature'], Chain(own.root_secret, terms))
    if epoch.chain.root != terms['root']:
        raise Distrust('the root is not of our chain')
    return epoch


def check_held(own, channel_id, held):
    """The held epoch and index, or (None, 0)."""
    if held is None:
        return None, 0
    epoch = check_epoch(own, channel_id, held['commitment'])
    if epoch.chain.word(held['index']) != held['word']:
        raise Distrust('the word is not of our chain')
    return epoch, held['index']


def check_pending(own, channel_id, pending):
    return None if pending is None else check_epoch(own, channel_id, pending)
