"""The CBOR profile of section 4: one way to write each value, everything else refused.

Python values: int, bytes, str, list, False, True, None.
"""

MAX_BYTES = 4_096
MAX_DEPTH = 4
SIMPLE = {0xF4: False, 0xF5: True, 0xF6: None}


class Malformed(Exception):
    """The bytes are outside the profile or not the message they should be."""


def encode(value):
    """The one encoding of a value; ValueError when the profile has none."""
    data = _item(value, 0)
    if len(data) > MAX_BYTES:
        raise ValueError(f'{len(data)} bytes')
    return data


def decode(data):
    """The value of exactly these bytes; Malformed when they are anything else."""
    if not 1 <= len(data) <= MAX_BYTES:
        raise Malformed(f'{len(data)} bytes')
    value, end = _read(data, 0, 0)
    if end != len(data):
        raise Malformed('something follows the item')
    return value


def _item(value, depth):
    for byte, simple in SIMPLE.items():
        if value is simple:
            return bytes([byte])
    if isinstance(value, int) and 0 <= value < 1 << 64:
        return _head(0, value)
    if isinstance(value, bytes):
        return _head(2, len(value)) + value
    if isinstance(value, str):
        text = value.encode('utf-8')
        return _head(3, len(text)) + text
    if isinstance(value, list) and depth < MAX_DEPTH:
        return _head(4, len(value)) + b''.join(_item(one, depth + 1) for one in value)
    raise ValueError(f'{value!r} at depth {depth} is not in the profile')


def _head(major, argument):
    if argument < 24:
        return bytes([major << 5 | argument])
    for info, size in ((24, 1), (25, 2), (26, 4), (27, 8)):
        if argument < 1 << 8 * size:
            return bytes([major << 5 | info]) + argument.to_bytes(size, 'big')
    raise ValueError(f'{argument} does not fit 64 bits')


def _read(data, at, depth):
    if at >= len(data):
        raise Malformed('cut short')
    if data[at] in SIMPLE:
        return SIMPLE[data[at]], at + 1
    major = data[at] >> 5
    if major not in (0, 2, 3, 4):
        raise Malformed(f'initial byte {data[at]:#04x}')
    argument, at = _argument(data, at)
    if major == 0:
        return argument, at
    # Every element takes a byte at least, so no count can ask for more than what is there.
    if argument > len(data) - at:
        raise Malformed('cut short')
    if major == 4:
        return _array(data, at, argument, depth + 1)
    content = bytes(data[at:at + argument])
    return (content if major == 2 else _text(content)), at + argument


def _argument(data, at):
    info = data[at] & 0x1F
    if info < 24:
        return info, at + 1
    if info > 27:
        raise Malformed('an indefinite length or a reserved form')
    size = 1 << info - 24
    end = at + 1 + size
    if end > len(data):
        raise Malformed('cut short')
    argument = int.from_bytes(data[at + 1:end], 'big')
    smallest = 24 if size == 1 else 1 << 4 * size
    if argument < smallest:
        raise Malformed('not in the shortest form')
    return argument, end


def _array(data, at, count, depth):
    if depth > MAX_DEPTH:
        raise Malformed('nested too deep')
    items = []
    for _ in range(count):
        item, at = _read(data, at, depth)
        items.append(item)
    return items, at


def _text(content):
    try:
        return content.decode('utf-8', 'strict')
    except UnicodeDecodeError as error:
        raise Malformed('text that is not UTF-8') from error
