"""Typed data and the structures that are signed: sections 5.1, 5.2 and 6."""

from functools import lru_cache
from typing import NamedTuple

from Cryptodome.Hash import keccak

from cbor import Malformed

COUNT_MAX = (1 << 53) - 1
TEXT_BYTES_MAX = 64

# A field is its type and name; s and n stand for the uint64 of seconds and of counts.
TABLE = {
    'Connect': 'string gateway, string fleet, string device, s issuedAt, bytes32 nonce',
    'Time': 'string gateway, bytes32 nonce, s time',
    'Allocation': 'string fleet, string gateway, address payee, string assetCode, '
                  'uint8 assetScale',
    'Channel': 'uint8 payerAlgorithm, bytes payerKey, address payee, uint16 feeBasisPoints, '
               'string fleet, string gateway, string assetCode, uint8 assetScale, string meter, '
               'bytes32 allocation, uint32 position, bytes32 salt',
    'Mandate': 'bytes32 channelId, n sequence, uint64 limit, uint64 limitPerDay, '
               's notBefore, s expiry, s claimUntil',
    'Tariff': 'string gateway, address payee, string unit, uint64 unitsPerTick, '
              'uint64 pricePerTick, string assetCode, uint8 assetScale, uint32 creditTicks, '
              's validFrom, s validUntil',
    'Commitment': 'uint8 kind, bytes32 channelId, uint32 epoch, uint64 base, bytes32 root, '
                  'uint32 length, uint64 unitsPerTick, uint64 pricePerTick, '
                  'uint64 startReading, bytes32 tariffHash, s issuedAt, s expiry',
    'Statement': 'bytes32 allocation, n sequence, uint64 total, uint64 evidencePaid, '
                 'uint32 positions, bytes32 root, s issuedAt, s expiry',
    'Receipt': 'bytes32 channelId, uint32 epoch, uint32 index, uint64 amount, uint64 units, '
               'uint64 register, bytes32 tariffHash, n position',
    'ReceiptRoot': 'string gateway, bytes life, bytes32 previous, n position, bytes32 root, '
                   'uint32 channels, s issuedAt',
    'Close': 'bytes32 channelId, uint32 epoch, uint32 index, uint64 amount, n nonce, '
             's issuedAt, s expiry',
    'Command': 'string gateway, string fleet, string verb, string scope, '
               'bytes32 argumentsHash, n nonce, s issuedAt, s expiry',
    'Rotate': 'string gateway, string fleet, string role, string subject, uint8 algorithm, '
              'bytes key, n nonce, s issuedAt, s expiry',
}
STRUCTURES = {
    name: [tuple(field.split()) for field in fields.split(', ')] for name, fields in TABLE.items()
}
FIXED_BYTES = {'bytes32': 32, 'address': 20}


class Domain(NamedTuple):
    """One ledger."""

    chain_id: int
    contract: bytes


def keccak256(data):
    return keccak.new(digest_bits=256, data=data).digest()


def ledger_contract(ledger_id):
    """The contract field of a ledger that is no chain."""
    return keccak256(b'tickpay ledger' + ledger_id)[-20:]


def type_string(name):
    shown = {'s': 'uint64', 'n': 'uint64'}
    fields = ','.join(f'{shown.get(kind, kind)} {field}' for kind, field in STRUCTURES[name])
    return f'{name}({fields})'


def type_hash(name):
    return keccak256(type_string(name).encode('ascii'))


def word(kind, value):
    """One field as 32 bytes."""
    if kind == 'string':
        return keccak256(value.encode('utf-8'))
    if kind == 'bytes':
        return keccak256(value)
    if kind in FIXED_BYTES:
        return value.rjust(32, b'\0')
    return value.to_bytes(32, 'big')


def words(name, value, leave_out=()):
    fields = STRUCTURES[name]
    return b''.join(word(kind, value[field]) for kind, field in fields if field not in leave_out)


def hash_struct(name, value):
    return keccak256(type_hash(name) + words(name, value))


@lru_cache
def separator(domain):
    layout = 'EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)'
    fields = (('string', 'Tickpay'), ('string', '1'), ('uint256', domain.chain_id),
              ('address', domain.contract))
    return keccak256(keccak256(layout.encode('ascii')) + b''.join(word(*one) for one in fields))


def digest(domain, name, value):
    """What is signed, and the id of a structure."""
    return keccak256(b'\x19\x01' + separator(domain) + hash_struct(name, value))


def to_array(name, value):
    """The array of fields that travels."""
    return [value[field] for _, field in STRUCTURES[name]]


def from_array(name, array):
    """The structure of an array; Malformed when a field is missing, too many or out of range."""
    fields = STRUCTURES[name]
    if not isinstance(array, list) or len(array) != len(fields):
        raise Malformed(f'not the fields of {name}')
    for (kind, field), value in zip(fields, array):
        if not _in_range(kind, value):
            raise Malformed(f'{field} of {name}')
    return {field: value for (_, field), value in zip(fields, array)}


def _in_range(kind, value):
    if kind == 'string':
        return isinstance(value, str) and len(value.encode('utf-8')) <= TEXT_BYTES_MAX
    if kind == 'bytes':
        return isinstance(value, bytes) and len(value) <= TEXT_BYTES_MAX
    if kind in FIXED_BYTES:
        return isinstance(value, bytes) and len(value) == FIXED_BYTES[kind]
    top = COUNT_MAX if kind in 'sn' else (1 << int(kind[4:])) - 1
    return type(value) is int and 0 <= value <= top
