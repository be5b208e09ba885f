"""The tick and the checks on it: section 8."""

from typing import NamedTuple

from cbor import Malformed
from chain import walk_down

VERSION = 1
TICK_BYTES = 42
TICKS_MAX = 64
JUMP_MAX = 1_024


class Tick(NamedTuple):
    slot: int
    epoch: int
    index: int
    word: bytes


def encode(ticks):
    if not 1 <= len(ticks) <= TICKS_MAX:
        raise ValueError(f'{len(ticks)} ticks')
    return b''.join(
        bytes([VERSION, tick.slot]) + tick.epoch.to_bytes(4, 'big') + tick.index.to_bytes(4, 'big')
        + tick.word for tick in ticks)


def decode(data):
    if len(data) % TICK_BYTES or not 1 <= len(data) // TICK_BYTES <= TICKS_MAX:
        raise Malformed(f'{len(data)} bytes')
    return [_one(data[at:at + TICK_BYTES]) for at in range(0, len(data), TICK_BYTES)]


def _one(data):
    if data[0] != VERSION:
        raise Malformed(f'version {data[0]}')
    epoch, index = (int.from_bytes(data[at:at + 4], 'big') for at in (2, 6))
    return Tick(data[1], epoch, index, data[10:])


def judge(register, tick, now, budget):
    """The answer of checks 3 to 10; register is a dict with the names of the vectors."""
    pending = register['pendingEpoch'] != 0 and tick.epoch == register['pendingEpoch']
    held = register['epoch'] != 0 and tick.epoch == register['epoch']
    length = register['pendingLength'] if pending else register['length']
    steps = tick.index if pending else tick.index - register['index']
    if not _further(register, tick):
        return 'stale'
    if not pending and not held:
        return 'unknown_epoch'
    if now > register['claimUntilSeconds']:
        return 'expired'
    if register['closed']:
        return 'closed'
    if tick.index > length:
        return 'out_of_range'
    if steps > JUMP_MAX:
        return 'needs_checkpoint'
    if steps > budget:
        return 'slow_down'
    return _hashes(register, tick, pending, steps)


def _further(register, tick):
    if register['epoch'] == 0:
        return True
    if tick.epoch == register['epoch']:
        return tick.index > register['index']
    return tick.epoch > register['epoch'] and tick.index >= 1


def _hashes(register, tick, pending, steps):
    bind, target = ('pendingBind', 'pendingRoot') if pending else ('bind', 'word')
    if walk_down(register[bind], tick.index, tick.word, steps) != register[target]:
        return 'bad_word'
    return 'accepted_renewal' if pending else 'accepted'
