"""Topics and who may do what with them: section 12."""

import re

UP = ('hello', 'open', 'commit', 'tick', 'reading', 'close', 'rotate', 'receipt')
DOWN = ('welcome', 'slot', 'accept', 'ack', 'reject', 'receipt', 'supply', 'command')
FLEET = ('status', 'event', 'statement')
GATEWAY = ('state', 'info', 'health', 'tariff', 'receipts')
ID = '[a-z0-9][a-z0-9-]{0,47}'
BYTES_MAX, LEVELS_MAX = 128, 8


def _pattern(text, **names):
    """A topic of the table; {name} is an id unless its choices are given."""
    def group(found):
        name = found.group(1)
        return f'(?P<{name}>{"|".join(names[name]) if name in names else ID})'
    return re.compile('tickpay/1/' + re.sub(r'\{(\w+)\}', group, text))


TABLE = (
    ('up', _pattern('{fleet}/{device}/up/{name}', name=UP)),
    ('down', _pattern('{fleet}/{device}/down/{name}', name=DOWN)),
    ('deviceState', _pattern('{fleet}/{device}/state')),
    ('deviceReport', _pattern('{fleet}/_/devices/{device}')),
    ('fleet', _pattern('{fleet}/_/{name}', name=FLEET)),
    ('request', _pattern('{fleet}/_/request/{verb}')),
    ('response', _pattern('{fleet}/_/response/{verb}')),
    ('enrol', _pattern('{fleet}/_/enrol/{serial}')),
    ('enrolled', _pattern('{fleet}/_/enrolled/{serial}')),
    ('gateway', _pattern('_gateway/{gateway}/{name}', name=GATEWAY)),
)


def is_id(text):
    return re.fullmatch(ID, text) is not None


def up(fleet, device, name):
    return f'tickpay/1/{fleet}/{device}/up/{name}'


def parse(topic):
    """What a topic of the table is, or None."""
    if not _allowed_characters(topic):
        return None
    for kind, pattern in TABLE:
        found = pattern.fullmatch(topic)
        if found:
            return {'kind': kind, **found.groupdict()}
    return None


def may(identity, action, topic):
    """The access rule: identity as in the vectors; publish, subscribe or receive."""
    rule = RULES[identity['kind']]
    return rule(identity, action, topic)


def _allowed_characters(topic):
    return (re.fullmatch('[a-z0-9_/+#-]+', topic) is not None and len(topic) <= BYTES_MAX
            and topic.count('/') < LEVELS_MAX)


def _well_placed(topic):
    levels = topic.split('/')
    plus = all(level == '+' for level in levels if '+' in level)
    return plus and all(level == '#' for level in levels if '#' in level) and '#' not in levels[:-1]


def _device(identity, action, topic, upward=UP, downward=DOWN, state=True):
    own = {'fleet': identity['fleet'], 'device': identity['device']}
    parsed = parse(topic)
    place = f'tickpay/1/{own["fleet"]}/{own["device"]}'
    if action == 'publish':
        ups = [{'kind': 'up', **own, 'name': name} for name in upward]
        return parsed in ups or (state and parsed == {'kind': 'deviceState', **own})
    if action == 'subscribe' and topic == f'{place}/down/+':
        return True
    return parsed in [{'kind': 'down', **own, 'name': name} for name in downward]


def _stale_clock(identity, action, topic):
    return _device(identity, action, topic, ('hello',), ('welcome',), False)


def _claimant(identity, action, topic):
    kind = 'enrol' if action == 'publish' else 'enrolled'
    own = {'fleet': identity['fleet'], 'serial': identity['serial']}
    return parse(topic) == {'kind': kind, **own}


def _fleet(identity, action, topic):
    parsed, fleet = parse(topic), identity['fleet']
    if action == 'publish':
        return bool(parsed) and parsed['kind'] == 'request' and parsed['fleet'] == fleet
    if action == 'subscribe':
        inside = topic.startswith((f'tickpay/1/{fleet}/', 'tickpay/1/_gateway/'))
        return inside and _allowed_characters(topic) and _well_placed(topic)
    if not parsed or parsed['kind'] in ('up', 'down', 'enrol', 'enrolled'):
        return False
    return parsed['kind'] == 'gateway' or parsed['fleet'] == fleet


def _tool(identity, action, topic):
    rights = identity['rights']
    if action != 'publish':
        return 'read' in rights and _fleet(identity, action, topic)
    if not _fleet(identity, action, topic) or 'command' in rights:
        return _fleet(identity, action, topic)
    allowed = [verb for right in rights for verb in VERBS[right]]
    return parse(topic)['verb'] in allowed


VERBS = {'read': ('list', 'get', 'policy', 'export'),
         'supply': ('pause', 'resume')}


RULES = {'device': _device, 'stale_clock': _stale_clock, 'claimant': _claimant, 'fleet': _fleet,
         'reader': _tool}
