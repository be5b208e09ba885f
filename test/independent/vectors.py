"""Runs every file of test/vectors: one line for each, a line for whatever differs.

A file or a part of a file that is not known here counts as a failure.
"""

import json
from pathlib import Path

import cbor
import chain
import commitments
import connect
import keys
import merkle
import messages
import ticks
import topics
import typed_data


def run(folder):
    """Prints `name: n passed, n failed` for each file; the number of failures."""
    files = sorted(Path(folder).glob('*.json'))
    missing = sorted(set(FILES) - {file.stem for file in files})
    for name in missing:
        print(f'{name}: 0 passed, 1 failed\n  there is no such file')
    return len(missing) + sum(_run_file(file) for file in files)


def _run_file(file):
    results = list(_results(file))
    failed = [label for label, passed in results if not passed]
    print(f'{file.stem}: {len(results) - len(failed)} passed, {len(failed)} failed')
    for label in failed:
        print(f'  {label}')
    return len(failed)


def _results(file):
    parts = FILES.get(file.stem)
    if parts is None:
        yield 'nothing here knows this file', False
        return
    content = json.loads(file.read_text('utf-8'))
    content.pop('about')
    yield 'the parts of the file are the known ones', set(content) == set(parts)
    for name, check in parts.items():
        cases = content.get(name) or [] if check else []
        yield f'{name} has cases', check is None or len(cases) > 0
        for number, case in enumerate(cases):
            label = f'{name} {number} {case.get("why", "") if isinstance(case, dict) else case}'
            yield label, _passes(check, case, content)


def _passes(check, case, content):
    try:
        return check(case, content) is True
    except Exception as error:  # whatever goes wrong is a failure of this case
        print(f'  {type(error).__name__}: {error}')
        return False


def h(text):
    return bytes.fromhex(text)


def refuses(read, *data):
    try:
        read(*data)
    except cbor.Malformed:
        return True
    return False


def structure(name, value):
    """A structure from its JSON."""
    kinds = {field: kind for kind, field in typed_data.STRUCTURES[name]}
    return {field: _field(kinds[field], one) for field, one in value.items()}


def _field(kind, value):
    if kind == 'string':
        return value
    return h(value) if kind in ('bytes', 'bytes32', 'address') else int(value)


def shown(value):
    """A decoded message in a form that equals its JSON: every number as text, bytes as hex."""
    if isinstance(value, dict):
        return {name: shown(one) for name, one in value.items()}
    if isinstance(value, list):
        return [shown(one) for one in value]
    if value is None or isinstance(value, str):
        return value
    return value.hex() if isinstance(value, bytes) else str(value)


def domain_of(json_domain):
    return typed_data.Domain(int(json_domain['chainId']), h(json_domain['verifyingContract']))


def key_of(json_key):
    return bytes([keys.ALGORITHMS[json_key['algorithm']]]) + h(json_key['bytes'])


# structures.json

def ledger_id(case, _):
    return typed_data.ledger_contract(h(case['id'])) == h(case['contract'])


def domain(name, content):
    case = content['domains'][name]
    return typed_data.separator(domain_of(case)) == h(case['separator'])


def type_case(case, content):
    name = case['structure']
    known = set(typed_data.STRUCTURES) == {one['structure'] for one in content['types']}
    return (known and typed_data.type_string(name) == case['type']
            and typed_data.type_hash(name) == h(case['typeHash']))


def structure_case(case, content):
    name = case['structure']
    value = structure(name, case['value'])
    where = domain_of(content['domains'][case['domain']])
    wire = cbor.encode(typed_data.to_array(name, value))
    return (typed_data.words(name, value) == h(case['encodedData'])
            and typed_data.hash_struct(name, value) == h(case['hashStruct'])
            and typed_data.digest(where, name, value) == h(case['digest'])
            and wire == h(case['cbor'])
            and typed_data.from_array(name, cbor.decode(wire)) == value)


# merkle.json

def statement_tree(case, _):
    leaves = {}
    for one in case['leaves']:
        leaf = merkle.statement_leaf(one['position'], h(one['channelId']), int(one['amount']))
        if leaf != h(one['leaf']):
            return False
        leaves[one['position']] = leaf
    top = h(case['root'])
    return merkle.root(leaves, merkle.STATEMENT_DEPTH) == top and all(
        h(one['leaf']) == leaves.get(one['position'], merkle.EMPTY)
        and len(one['path']) == merkle.STATEMENT_DEPTH
        and merkle.climb(h(one['leaf']), one['position'], [h(x) for x in one['path']]) == top
        for one in case['paths'])


def receipt_tree(case, _):
    leaves = [merkle.receipt_leaf(structure('Receipt', one)) for one in case['receipts']]
    depth = (len(leaves) - 1).bit_length()
    top = h(case['root'])
    return (leaves == [h(one) for one in case['leaves']]
            and merkle.root(dict(enumerate(leaves)), depth) == top
            and all(len(path) == depth
                    and merkle.climb(leaf, place, [h(one) for one in path]) == top
                    for place, (leaf, path) in enumerate(zip(leaves, case['paths']))))


# keys.json

def signature(case, _):
    name, private, hashed = case['algorithm'], h(case['privateKey']), h(case['digest'])
    public = keys.public_key(name, private)
    return (public == h(case['publicKey']) and keys.is_usable(public)
            and keys.sign(name, private, hashed) == h(case['signature'])
            and keys.verify(public, hashed, h(case['signature'])))


def refused_key(case, _):
    return not keys.is_usable(h(case['publicKey']))


def refused_signature(case, _):
    public = h(case['publicKey'])
    usable = keys.is_usable(public) and keys.NAMES[public[0]] == case['algorithm']
    return usable and not keys.verify(public, h(case['digest']), h(case['signature']))


# chain.json

def chain_case(case, _):
    terms = structure('Commitment', case['terms'])
    made = chain.Chain(h(case['rootSecret']), terms)
    return (chain.terms_hash(terms) == h(case['termsHash']) and made.bind == h(case['bind'])
            and chain.last_word(h(case['rootSecret']), terms) == h(case['lastWord'])
            and made.root == h(case['root'])
            and all(made.word(int(i)) == h(word) for i, word in case['words'].items()))


# ticks.json

def tick_of(case):
    return ticks.Tick(case['slot'], case['epoch'], case['index'], h(case['word']))


def tick_message(case, _):
    listed = [tick_of(one) for one in case['ticks']]
    data = h(case['message'])
    return ticks.encode(listed) == data and ticks.decode(data) == listed


def refused_ticks(case, _):
    return refuses(ticks.decode, h(case['message']))


def tick_verdict(case, _):
    register = {
        name: h(value) if isinstance(value, str) else value
        for name, value in case['register'].items()
    }
    arguments = (tick_of(case['tick']), case['nowSeconds'], case['hashBudget'])
    return ticks.judge(register, *arguments) == case['verdict']


# cbor.json

def plain_value(case):
    ((kind, value),) = case.items()
    make = {
        'uint': int,
        'text': str,
        'bytes': h,
        'simple': {'false': False, 'true': True, 'null': None}.get,
        'array': lambda items: [plain_value(one) for one in items],
    }
    return make[kind](value)


def cbor_value(case, _):
    value, data = plain_value(case['value']), h(case['cbor'])
    return cbor.encode(value) == data and repr(cbor.decode(data)) == repr(value)


def refused_cbor(case, _):
    return refuses(cbor.decode, h(case['cbor']))


# messages.json

def message(case, _):
    data = h(case['cbor'])
    value = messages.unpack(case['message'], data)
    return shown(value) == shown(case['value']) and messages.pack(case['message'], value) == data


def refused_message(case, _):
    return refuses(messages.unpack, case['message'], h(case['cbor']))


# connect.json

def login(case, content):
    known = {name: h(key) for name, key in content['knownKeys'].items()}
    given = {**case, 'password': h(case['password'])}
    used = [h(nonce) for nonce in case['usedNonces']]
    where = domain_of(content['domain'])
    verdict = connect.judge(where, case['gateway'], known, given, case['nowSeconds'], used)
    return verdict == case['verdict']


# commitments.json

def commitment(case, _):
    context = dict(case['context'])
    context['domain'] = domain_of(context['domain'])
    context['channelId'] = h(context['channelId'])
    context['payerKey'] = key_of(context['payerKey'])
    context['free'] = int(context['free'])
    for name, kind in (('pending', 'Commitment'), ('mandate', 'Mandate'), ('tariff', 'Tariff')):
        context[name] = context[name] and structure(kind, context[name])
    if context['held']:
        held = structure('Commitment', context['held']['commitment'])
        context['held'] = {'commitment': held, 'index': context['held']['index']}
    value = structure('Commitment', case['commitment']['value'])
    verdict = commitments.judge(context, value, h(case['commitment']['signature']))
    return verdict == case['verdict']


def mandate(case, _):
    context = dict(case['context'])
    context['domain'] = domain_of(context['domain'])
    context['channelId'] = h(context['channelId'])
    context['signerKey'] = key_of(context['signerKey'])
    context['inForce'] = context['inForce'] and structure('Mandate', context['inForce'])
    value = structure('Mandate', case['mandate']['value'])
    verdict = commitments.judge_mandate(context, value, h(case['mandate']['signature']))
    return verdict == case['verdict']


# topics.json

def topic(case, _):
    return topics.parse(case['topic']) == case['parsed']


def decision(case, content):
    identity = content['identities'][case['identity']]
    allowed = [
        one['topic'] for one in content['topics']
        if topics.may(identity, case['action'], one['topic'])
    ]
    return sorted(allowed) == sorted(case['allowed'])


# What checks each part of each file; None: read together with another part.
FILES = {
    'structures': {'ledgerIds': ledger_id, 'domains': domain, 'types': type_case,
                   'cases': structure_case},
    'merkle': {'statements': statement_tree, 'receipts': receipt_tree},
    'keys': {'signatures': signature, 'refusedKeys': refused_key,
             'refusedSignatures': refused_signature},
    'chain': {'cases': chain_case},
    'ticks': {'messages': tick_message, 'refused': refused_ticks, 'verdicts': tick_verdict},
    'cbor': {'values': cbor_value, 'refused': refused_cbor},
    'messages': {'cases': message, 'refused': refused_message},
    'connect': {'domain': None, 'connect': None, 'knownKeys': None, 'cases': login},
    'commitments': {'commitments': commitment, 'mandates': mandate},
    'topics': {'topics': topic, 'identities': None, 'decisions': decision},
}
