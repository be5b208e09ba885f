"""The session of section 14 over MQTT 3.1.1, in one thread: commands in, events out."""

import json
import os
import select
import sys
import time

import paho.mqtt.client as mqtt

import connect
import messages
import own as enrolment
import ticks
import topics
from cbor import Malformed
from payer import Payer

KEEP_ALIVE_SECONDS = 60
IN_FLIGHT_MAX = 16
# A quarter of the 50 messages a second that a gateway must take, for each kind of message.
TICK_PAUSE_SECONDS = 0.08
RECONNECT_SECONDS = 1
POLL_SECONDS = 0.25


def run(path):
    with open(path, encoding='utf-8') as file:
        return Device(json.load(file)).run()


def tell(event, **fields):
    print(json.dumps({'event': event, **fields}), flush=True)


class Device:
    """Logs in, keeps its channels and its clock, and obeys standard input."""

    def __init__(self, config):
        self.own = enrolment.from_config(config)
        self.address = (config['host'], config['port'])
        self.registers = {}
        self.clock_offset = config.get('clockOffsetSeconds', 0)
        self.mark = None
        self.paid_readings = {}
        self.has_time = True
        self.ended = False
        self.input = b''
        self.last_ticks_at = 0
        self._begin()

    def _begin(self):
        """What belongs to one session only."""
        self.client = self.nonce = None
        self.payers, self.tariffs, self.told = {}, [], {}

    def now(self):
        return time.time() + self.clock_offset

    def run(self):
        while not self.ended:
            self._begin()
            try:
                self._login()
                self._serve()
            except OSError as error:
                tell('offline', reason=str(error))
            if not self.ended:
                self._wait(RECONNECT_SECONDS)
        if self.client:
            self.client.disconnect()
        return 0

    # Connection

    def _login(self):
        own = self.own
        name = f'{own.fleet}/{own.device}'
        self.nonce = os.urandom(32)
        value = {'gateway': own.gateway, 'fleet': own.fleet, 'device': own.device,
                 'issuedAt': max(0, int(self.now())), 'nonce': self.nonce}
        self.client = mqtt.Client(name, clean_session=True, protocol=mqtt.MQTTv311)
        self.client.username_pw_set(name, connect.password(own.domain, value, own.sign))
        self.client.max_inflight_messages_set(IN_FLIGHT_MAX)
        if self.has_time:
            self.client.will_set(self._topic('state'), b'{"online":false}', qos=1, retain=True)
        self.client.on_connect = self._on_connect
        self.client.on_subscribe = self._on_subscribe
        self.client.on_message = self._on_message
        self.client.connect(*self.address, keepalive=KEEP_ALIVE_SECONDS)

    def _topic(self, last):
        return f'tickpay/1/{self.own.fleet}/{self.own.device}/{last}'

    def _on_connect(self, client, _data, _flags, code):
        tell('connected' if code == 0 else 'login_refused', code=code)
        # Perhaps the clock is wrong: then a will is refused, and only without one comes the time.
        self.has_time = code == 0
        if code == 0:
            client.subscribe(self._topic('down/+'), qos=1)

    def _on_subscribe(self, _client, _data, _id, granted):
        tell('subscribed', granted=list(granted))
        self._hello()

    def _serve(self):
        """Until the connection or the device ends."""
        while not self.ended and self.client.socket() is not None:
            self._wait(POLL_SECONDS, self.client.socket())
            if self.client.loop_misc() != mqtt.MQTT_ERR_SUCCESS:
                break
            self._advance()
        if not self.ended:
            tell('offline', reason='the connection ended')

    def _wait(self, seconds, connection=None):
        reads = [one for one in (connection, sys.stdin if self.input is not None else None) if one]
        writes = [connection] if connection and self.client.want_write() else []
        readable, writable, _ = select.select(reads, writes, [], seconds)
        if connection in writable:
            self.client.loop_write()
        if connection in readable:
            self.client.loop_read()
        if sys.stdin in readable:
            self._read_commands()

    def _publish(self, name, payload):
        topic = topics.up(self.own.fleet, self.own.device, name)
        self.client.publish(topic, payload, qos=1, retain=False)

    def _hello(self):
        meters = [{'meter': meter, 'unit': unit} for meter, unit in self.own.meters.items()]
        self._publish('hello', messages.pack('hello', {'mark': self.mark, 'meters': meters}))

    # Commands

    def _read_commands(self):
        chunk = os.read(sys.stdin.fileno(), 65_536)
        if not chunk:
            self.input = None
            return
        *lines, self.input = (self.input + chunk).split(b'\n')
        for line in lines:
            self._obey(json.loads(line))

    def _obey(self, command):
        meter = command.get('meter', next(iter(self.own.meters)))
        chosen = [payer for payer in self.payers.values() if payer.meter == meter]
        if 'reading' in command:
            self.registers[meter] = int(command['reading'])
        elif command.get('do') == 'hello':
            self._hello()
        elif command.get('do') == 'checkpoint':
            for payer in chosen:
                payer.wants_checkpoint = True
        elif command.get('do') == 'close':
            for payer in chosen:
                self._publish('close', messages.pack('close', {'slot': payer.slot}))
        elif command.get('do') == 'stop':
            self.ended = True
        else:
            tell('unknown_command', command=command)

    # What the gateway says

    def _on_message(self, _client, _data, message):
        name = message.topic.rsplit('/', 1)[1]
        handler = getattr(self, f'_on_{name}', None)
        if handler is None:
            return
        try:
            handler(message.payload)
        except (Malformed, enrolment.Distrust) as error:
            tell('distrust', about=name, reason=str(error))
            state = json.dumps({'online': True, 'distrust': str(error)})
            self.client.publish(self._topic('state'), state, qos=1, retain=True)

    def _on_welcome(self, payload):
        try:
            welcome = messages.unpack('welcome', payload)
        except Malformed:
            self._take_time(messages.unpack('time', payload))
            return
        self.tariffs = enrolment.check_tariffs(self.own, welcome['tariffs'])
        self._keep(welcome['mark'])
        tell('welcome', slots=welcome['slots'], tariffs=len(self.tariffs))
        self.client.publish(self._topic('state'), b'{"online":true}', qos=1, retain=True)

    def _take_time(self, message):
        seconds = enrolment.check_time(self.own, self.nonce, message)
        self.clock_offset += seconds - self.now()
        tell('time', time=seconds)
        self.client.disconnect()

    def _on_slot(self, payload):
        slot = messages.unpack('slot', payload)
        earlier = self.payers.pop(slot['slot'], None)
        payer = Payer(self.own, slot, earlier, self.paid_readings)
        self.payers[payer.slot] = payer
        tell('slot', slot=payer.slot, channelId=payer.channel_id.hex(), **_standing(payer),
             supply=payer.supply, stopped=payer.stopped)

    def _on_accept(self, payload):
        accept = messages.unpack('accept', payload)
        self._keep(accept['mark'])
        payer = self.payers.get(accept['slot'])
        sent = payer and payer.sent
        if payer and payer.on_accept(accept['epoch']):
            terms = {name: str(value) for name, value in sent.epoch.terms.items()
                     if isinstance(value, int)}
            tell('accepted', slot=payer.slot, **terms)

    def _on_ack(self, payload):
        ack = messages.unpack('ack', payload)
        self._keep(ack['mark'])
        for entry in ack['entries']:
            payer = self.payers.get(entry['slot'])
            if payer is None:
                continue
            believed = payer.on_ack(entry['epoch'], entry['index'], entry['supply'])
            tell('ack' if believed else 'unbelievable_ack', **entry)

    def _on_reject(self, payload):
        reject = messages.unpack('reject', payload)
        payer = self.payers.get(reject['slot'])
        tell('reject', slot=reject['slot'], refused=reject['refused'], reason=reject['reason'])
        if payer is None:
            return
        details = (reject[name] for name in ('refused', 'reason', 'held', 'pending'))
        if payer.on_reject(*details, self.now()) == 'hello':
            self._hello()

    def _on_supply(self, payload):
        notice = messages.unpack('supply', payload)
        tell('supply', **notice)
        if notice['slot'] in self.payers:
            self.payers[notice['slot']].set_supply(notice['supply'])

    def _keep(self, mark):
        """The newest mark of the life seen last."""
        same = self.mark and self.mark['life'] == mark['life']
        if not same or mark['position'] > self.mark['position']:
            self.mark = mark

    # What this device does

    def _advance(self):
        revealed, now = [], self.now()
        if time.monotonic() - self.last_ticks_at < TICK_PAUSE_SECONDS:
            return
        for payer in self.payers.values():
            sent, shown = payer.advance(self.registers.get(payer.meter), self.tariffs, now)
            for name, payload in sent:
                self._publish(name, payload)
            revealed += shown
            self._tell_changes(payer)
        if revealed:
            self.last_ticks_at = time.monotonic()
        for at in range(0, len(revealed), ticks.TICKS_MAX):
            self._publish('tick', ticks.encode(revealed[at:at + ticks.TICKS_MAX]))

    def _tell_changes(self, payer):
        until = payer.relay_until(self.tariffs)
        news = {'relay': {'until': None if until is None else str(until)},
                'stopped': {'reason': payer.stopped}}
        for event, fields in news.items():
            if self.told.get((payer.slot, event), {'reason': None}) != fields:
                self.told[payer.slot, event] = fields
                tell(event, slot=payer.slot, **fields)


def _standing(payer):
    """Where a channel stands according to a proof that was verified."""
    held, pending = payer.held, payer.pending
    return {
        'heldEpoch': held.number if held else None,
        'heldIndex': payer.acked[1],
        'heldReading': str(payer.held_reading()) if held else None,
        'pendingEpoch': pending.number if pending else None,
    }
