"""Merkle trees of statements and receipts: section 10.2."""

from typed_data import hash_struct, keccak256

EMPTY = bytes(32)
STATEMENT_DEPTH = 20


def statement_leaf(position, channel_id, amount):
    return keccak256(b'\x00' + position.to_bytes(4, 'big') + channel_id + amount.to_bytes(8, 'big'))


def receipt_leaf(receipt):
    return keccak256(b'\x00' + hash_struct('Receipt', receipt))


def node(left, right):
    return keccak256(b'\x01' + left + right)


def root(leaves, depth):
    """The root over a dict of leaves by position."""
    level, empty = leaves, EMPTY
    for _ in range(depth):
        parents = {position // 2 for position in level}
        level = {
            one: node(level.get(2 * one, empty), level.get(2 * one + 1, empty)) for one in parents
        }
        empty = node(empty, empty)
    return level.get(0, empty)


def climb(leaf, position, path):
    """The root that a leaf and its siblings give."""
    for sibling in path:
        leaf = node(sibling, leaf) if position & 1 else node(leaf, sibling)
        position >>= 1
    return leaf
