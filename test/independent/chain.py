"""The hash chain of a commitment: section 7."""

import hashlib
import hmac
import math

from typed_data import type_hash, words


def terms_hash(terms):
    """T: all fields of a commitment but the root."""
    fields = words('Commitment', terms, leave_out=('root',))
    return hashlib.sha256(type_hash('Commitment') + fields).digest()


def last_word(root_secret, terms):
    """w_n, by HKDF-SHA256 with one block of output (RFC 5869)."""
    key = hmac.new(bytes(32), root_secret, hashlib.sha256).digest()
    info = b'tickpay chain' + terms_hash(terms)
    return hmac.new(key, info + b'\x01', hashlib.sha256).digest()


def step_down(bind, index, word):
    """w_{i-1} from w_i."""
    return hashlib.sha256(b'TP\x01' + bind + index.to_bytes(4, 'big') + word).digest()


def walk_down(bind, index, word, steps):
    for i in range(index, index - steps, -1):
        word = step_down(bind, i, word)
    return word


class Chain:
    """All words of one commitment; keeps every sqrt(n)-th of them and one stretch in full."""

    def __init__(self, root_secret, terms):
        self.bind = terms_hash(terms)[:16]
        self.length = terms['length']
        self._stride = math.isqrt(self.length - 1) + 1
        self._kept = {self.length: last_word(root_secret, terms)}
        self._stretch = {}
        word = self._kept[self.length]
        for index in range(self.length, 0, -1):
            word = step_down(self.bind, index, word)
            if (index - 1) % self._stride == 0:
                self._kept[index - 1] = word
        self.root = word

    def word(self, index):
        """w_index, for 0 <= index <= length."""
        if index in self._kept:
            return self._kept[index]
        if index not in self._stretch:
            self._fill(min(self.length, (index // self._stride + 1) * self._stride))
        return self._stretch[index]

    def _fill(self, top):
        word = self._kept[top]
        self._stretch = {}
        for index in range(top, max(0, top - self._stride), -1):
            self._stretch[index] = word
            word = step_down(self.bind, index, word)
