"""The checks on commitments and mandates: sections 9 and 10.

A context is a dict with the names of the vectors; structures are dicts by field.
"""

import keys
from typed_data import digest

RENEWAL, CHECKPOINT = 1, 2
LENGTH_MAX = 65_536
TOP = 1 << 64


def amount_at(commitment, index):
    return commitment['base'] + index * commitment['pricePerTick']


def reading_at(commitment, index):
    return commitment['startReading'] + index * commitment['unitsPerTick']


def worst_case(commitment):
    return amount_at(commitment, commitment['length'])


def end_reading(commitment):
    return reading_at(commitment, commitment['length'])


def judge(context, commitment, signature):
    """The answer to a commitment."""
    known = [one for one in (context['held'] and context['held']['commitment'],
                             context['pending']) if one]
    hashed = digest(context['domain'], 'Commitment', commitment)
    if not _well_formed(commitment):
        return 'malformed'
    if commitment['channelId'] != context['channelId']:
        return 'unknown_channel'
    if any(digest(context['domain'], 'Commitment', one) == hashed for one in known):
        return 'repeated'
    if any(commitment['epoch'] <= one['epoch'] for one in known):
        return 'epoch_taken'
    if context['closed']:
        return 'closed'
    if not keys.verify(context['payerKey'], hashed, signature):
        return 'bad_signature'
    return (_tariff_and_time(context, commitment) or _money(context, commitment, known)
            or 'accepted')


def _well_formed(one):
    return (one['kind'] in (RENEWAL, CHECKPOINT) and one['epoch'] >= 1
            and 1 <= one['length'] <= LENGTH_MAX and one['unitsPerTick'] >= 1
            and worst_case(one) < TOP and end_reading(one) < TOP)


def _tariff_and_time(context, commitment):
    tariff, mandate, now = context['tariff'], context['mandate'], context['nowSeconds']
    if not tariff or not tariff['validFrom'] <= now < tariff['validUntil']:
        return 'tariff_not_in_force'
    if any(commitment[name] != tariff[name] for name in ('unitsPerTick', 'pricePerTick')):
        return 'wrong_price'
    if not mandate or now < mandate['notBefore']:
        return 'no_mandate'
    if now >= mandate['expiry'] or now >= commitment['expiry']:
        return 'expired'
    if commitment['expiry'] > min(mandate['expiry'], tariff['validUntil']):
        return 'expiry_too_late'
    return None


def _money(context, commitment, known):
    before = max(map(worst_case, known), default=0)
    after = worst_case(commitment)
    if commitment['kind'] == RENEWAL and context['held']:
        after = max(after, worst_case(context['held']['commitment']))
    if worst_case(commitment) > context['mandate']['limit']:
        return 'over_mandate'
    if commitment['length'] > context['maxLength']:
        return 'too_long'
    if after > before and after - before > context['free']:
        return 'no_funds'
    return None if _continuous(context['held'], commitment) else 'not_continuous'


def _continuous(held, commitment):
    if not held:
        return commitment['kind'] == CHECKPOINT and commitment['base'] == 0
    old, index = held['commitment'], held['index']
    if commitment['kind'] == RENEWAL:
        return (commitment['base'] == worst_case(old)
                and commitment['startReading'] == end_reading(old))
    gap = commitment['startReading'] - reading_at(old, index)
    steps, rest = divmod(gap, old['unitsPerTick'])
    return (gap >= 0 and rest == 0
            and commitment['base'] == amount_at(old, index + steps))


def judge_mandate(context, mandate, signature):
    """The answer to a mandate: section 10."""
    in_force, hashed = context['inForce'], digest(context['domain'], 'Mandate', mandate)
    if mandate['channelId'] != context['channelId']:
        return 'unknown_channel'
    if in_force and digest(context['domain'], 'Mandate', in_force) == hashed:
        return 'repeated'
    if in_force and mandate['sequence'] <= in_force['sequence']:
        return 'old_sequence'
    if not keys.verify(context['signerKey'], hashed, signature):
        return 'bad_signature'
    if not mandate['notBefore'] < mandate['expiry'] <= mandate['claimUntil']:
        return 'bad_window'
    return 'accepted' if context['nowSeconds'] < mandate['expiry'] else 'expired'
