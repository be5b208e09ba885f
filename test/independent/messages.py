"""The messages of section 14.1. Each is a form that checks an array and turns it into a dict of
the names in the vectors, and back. Structures stay dicts by field.
"""

import topics
import typed_data
from cbor import Malformed, decode, encode

VERSION = 1
COUNT_MAX = typed_data.COUNT_MAX
U32 = (1 << 32) - 1
U64 = (1 << 64) - 1
SPANS = ('minute', 'hour', 'day', 'month')
LEVELS = ('off', 'limited', 'on')
SUPPLY_REASONS = ('ok', 'not_paying', 'paused', 'over_limit', 'fenced', 'mandate_expired',
                  'commitment_expired', 'no_mandate', 'no_space', 'clone_suspected', 'closed',
                  'price_ceiling', 'mandate_not_yet')
REFUSED = ('tick', 'commit', 'open', 'hello', 'reading', 'close')
# The answers of 8.2 and 9.1, each with its class.
CLASS = {
    'malformed': 'strike', 'out_of_range': 'strike', 'bad_word': 'strike',
    'bad_signature': 'strike', 'unknown_channel': 'open', 'stale': 'benign',
    'unknown_epoch': 'send_commitment', 'expired': 'ask_fleet', 'closed': 'end',
    'needs_checkpoint': 'send_checkpoint', 'slow_down': 'wait', 'epoch_taken': 'resume',
    'tariff_not_in_force': 'resume', 'wrong_price': 'resume', 'no_mandate': 'ask_fleet',
    'expiry_too_late': 'resume', 'over_mandate': 'ask_fleet', 'too_long': 'resume',
    'no_funds': 'ask_fleet', 'not_continuous': 'resume',
}


class Plain:
    """An item that is its own value when a test holds for it."""

    def __init__(self, holds):
        self.holds = holds

    def read(self, item):
        if not self.holds(item):
            raise Malformed(f'{item!r}')
        return item

    def write(self, value):
        return self.read(value)


class Choice(Plain):
    """A word of a list, as a number on the wire."""

    def __init__(self, names):
        self.names = names
        super().__init__(lambda item: type(item) is int and 0 <= item < len(names))

    def read(self, item):
        return self.names[super().read(item)]

    def write(self, value):
        return self.names.index(value)


class Array:
    """An array of named parts; constants are on the wire only."""

    def __init__(self, *parts):
        self.parts = parts

    def read(self, item):
        if not isinstance(item, list) or len(item) != len(self.parts):
            raise Malformed('not the array it should be')
        pairs = [(name, form.read(one)) for (name, form), one in zip(self.parts, item)]
        return {name: value for name, value in pairs if name}

    def write(self, value):
        return [form.write(value[name] if name else VERSION) for name, form in self.parts]


class Many:
    """An array of at most so many of one form."""

    def __init__(self, form, most):
        self.form, self.most = form, most

    def read(self, item):
        if not isinstance(item, list) or len(item) > self.most:
            raise Malformed('not the list it should be')
        return [self.form.read(one) for one in item]

    def write(self, value):
        return [self.form.write(one) for one in value]


class Maybe:
    def __init__(self, form):
        self.form = form

    def read(self, item):
        return None if item is None else self.form.read(item)

    def write(self, value):
        return None if value is None else self.form.write(value)


class Structure:
    """The fields of a structure, unsigned."""

    def __init__(self, name):
        self.name = name

    def read(self, item):
        return typed_data.from_array(self.name, item)

    def write(self, value):
        return typed_data.to_array(self.name, value)


class Ordered:
    """Rows of a name and its value, in the order of `rank`, as a dict."""

    def __init__(self, row, rank, most):
        self.rows, self.rank = Many(row, most), rank

    def read(self, item):
        pairs = [(row['name'], row['of']) for row in self.rows.read(item)]
        ranks = [self.rank(name) for name, _ in pairs]
        if any(one >= other for one, other in zip(ranks, ranks[1:])):
            raise Malformed('not in order')
        return dict(pairs)

    def write(self, value):
        names = sorted(value, key=self.rank)
        return self.rows.write([{'name': name, 'of': value[name]} for name in names])


class Ceiling:
    """Unit, price and units in one array of three."""

    name = 'name', Plain(lambda item: isinstance(item, str) and 0 < len(item.encode('utf-8')) <= 8)

    def __init__(self, price, units):
        self.form = Array(self.name, ('price', price), ('units', units))

    def read(self, item):
        parts = self.form.read(item)
        return {'name': parts.pop('name'), 'of': parts}

    def write(self, value):
        return self.form.write({'name': value['name'], **value['of']})


def u(most=COUNT_MAX):
    return Plain(lambda item: type(item) is int and 0 <= item <= most)


def b(size):
    return Plain(lambda item: isinstance(item, bytes) and len(item) == size)


def one_of(names):
    return Plain(lambda item: isinstance(item, str) and item in names)


def path():
    return Many(b(32), 20)


def signed(name):
    return Array(('value', Structure(name)), ('signature', b(64)))


class Held:
    """Commitment fields, signature, index and word in one array of four."""

    form = Array(('value', Structure('Commitment')), ('signature', b(64)), ('index', u()),
                 ('word', b(32)))

    def read(self, item):
        parts = self.form.read(item)
        if parts['index'] > parts['value']['length']:
            raise Malformed('index past the length')
        commitment = {name: parts.pop(name) for name in ('value', 'signature')}
        return {'commitment': commitment, **parts}

    def write(self, value):
        return self.form.write({**value['commitment'], **value})


version = (None, Plain(lambda item: type(item) is int and item == VERSION))
slot = ('slot', u(63))
meter = ('meter', Plain(lambda item: isinstance(item, str) and topics.is_id(item)))
unit = ('unit', Plain(lambda item: isinstance(item, str) and len(item.encode('utf-8')) <= 8))
mark = Array(('life', b(16)), ('position', u()), ('seal', b(16)))
supply = ('supply', Array(('level', Choice(LEVELS)), ('reason', Choice(SUPPLY_REASONS))))
entry = Array(slot, ('epoch', u(U32)), ('index', u(U32)), supply)
held = ('held', Maybe(Held()))
pending = ('pending', Maybe(signed('Commitment')))

amount = u(U64)
limits = Ordered(Array(('name', Choice(SPANS)), ('of', amount)), SPANS.index, len(SPANS))
some = Plain(lambda item: type(item) is int and 0 < item <= U64)
ceilings = Ordered(Ceiling(amount, some), lambda name: name.encode('utf-8'), 16)

FORMS = {
    'hello': Array(version, ('mark', Maybe(mark)), ('meters', Many(Array(meter, unit), 64))),
    'welcome': Array(version, ('timeSeconds', u()), ('mark', mark),
                     ('tariffs', Many(signed('Tariff'), 12)), ('slots', u(64))),
    'time': Array(version, ('time', signed('Time'))),
    'connect': Array(version, ('connect', signed('Connect'))),
    'slot': Array(version, slot, ('channel', Structure('Channel')),
                  ('mandate', Maybe(signed('Mandate'))), held, pending, ('maxLength', u(U32)),
                  supply),
    'commit': Array(version, slot, ('commitment', signed('Commitment'))),
    'accept': Array(version, slot, ('epoch', u(U32)), ('mark', mark)),
    'ack': Array(version, ('mark', mark), ('entries', Many(entry, 64))),
    'reject': Array(version, ('slot', u(255)), ('refused', one_of(REFUSED)),
                    ('reason', one_of(CLASS)), held, pending),
    'supply': Array(version, slot, supply),
    'command': Array(version, ('limits', limits), ('ceilings', ceilings)),
    'reading': Array(version, slot, ('register', u(U64))),
    'close': Array(version, slot),
    'receipt': Array(version, ('receipt', Structure('Receipt')), ('place', u((1 << 20) - 1)),
                     ('path', path()), ('root', signed('ReceiptRoot'))),
    'receiptRequest': Array(version, slot),
}
# These two are one signed structure and are shown as nothing else.
INNER = {'time': 'time', 'connect': 'connect'}


def pack(name, value):
    inner = INNER.get(name)
    return encode(FORMS[name].write({inner: value} if inner else value))


def unpack(name, data):
    """The message in these bytes; Malformed when anything deviates."""
    value = FORMS[name].read(decode(data))
    inner = INNER.get(name)
    return value[inner] if inner else value
