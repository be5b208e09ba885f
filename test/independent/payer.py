"""One channel of a device: what it reveals and commits to next. It reads no clock and sends
nothing: it is told the register and the time and answers with what is to be sent.
"""

from dataclasses import dataclass

import commitments
from chain import Chain
from messages import CLASS, pack
from own import Epoch, check_channel, check_held, check_mandate, check_pending
from ticks import JUMP_MAX, Tick

ANSWER_SECONDS = 5
RENEW_PERCENT = 80
EXPIRY_MARGIN_SECONDS = 60
ASK_AGAIN_SECONDS = 60


@dataclass
class Sent:
    """A commitment without an answer yet."""

    name: str
    payload: bytes
    epoch: Epoch
    at: float

    @property
    def stops_ticks(self):
        return self.epoch.terms['kind'] == commitments.CHECKPOINT


class Payer:
    """The state of one channel; `now` is Unix seconds."""

    def __init__(self, own, slot, earlier=None, paid_readings=None):
        """From a slot message, verified first; `earlier` is the same channel in this session,
        `paid_readings` what this process has paid for, by channel id.
        """
        self.own = own
        self.channel = slot['channel']
        self.channel_id = check_channel(own, self.channel)
        self.mandate = check_mandate(own, self.channel_id, slot['mandate'])
        self.slot, self.max_length = slot['slot'], slot['maxLength']
        self.sent = self.stopped = None
        self.refusals = self.strikes = 0
        self.tick_wait = self.commit_wait = self.tick_at = 0
        self.last_epoch = 0
        self.wants_checkpoint = False
        self.paid_readings = {} if paid_readings is None else paid_readings
        self._adopt(slot['held'], slot['pending'])
        self.set_supply(slot['supply'])
        if earlier and earlier.sent and earlier.sent.epoch.number > self.last_epoch:
            self.sent, self.last_epoch = earlier.sent, earlier.last_epoch

    @property
    def meter(self):
        return self.channel['meter']

    def _adopt(self, held, pending):
        """The gateway's proof is where this channel stands, once it is verified."""
        self.held, index = check_held(self.own, self.channel_id, held)
        self.pending = check_pending(self.own, self.channel_id, pending)
        self.before = None
        self.acked = self.shown = (self.held.number if self.held else 0, index)
        known = [one.number for one in (self.held, self.pending) if one]
        self.last_epoch = max([self.last_epoch, *known])

    def set_supply(self, supply):
        self.supply = supply
        if supply['reason'] == 'fenced':
            self.wants_checkpoint = True
        if supply['reason'] == 'closed':
            self.stopped = 'closed'

    # What comes from the gateway

    def on_accept(self, epoch):
        """True when it answers what we sent."""
        if self.sent is None or self.sent.epoch.number != epoch:
            return False
        made, self.sent, self.refusals = self.sent.epoch, None, 0
        if made.terms['kind'] == commitments.RENEWAL:
            self.pending = made
            return True
        self.held, self.pending, self.before = made, None, None
        self.acked = self.shown = (epoch, 0)
        self.wants_checkpoint = False
        self._remember()
        return True

    def on_ack(self, epoch, index, supply):
        """True unless it speaks of more than we ever showed."""
        if (epoch, index) > self.shown:
            return False
        self.acked = max(self.acked, (epoch, index))
        self._remember()
        self.set_supply(supply)
        return True

    def on_reject(self, refused, reason, held, pending, now):
        """What the session should do besides: 'hello' or None."""
        answer = CLASS[reason]
        if refused not in ('tick', 'commit', 'open'):
            return None
        if refused != 'tick':
            self.sent = None
        if answer == 'open':
            return 'hello'
        if answer == 'end':
            self.stopped = reason
            return None
        self._adopt(held, pending)
        return self._after_refusal(refused, reason, answer, now)

    def _after_refusal(self, refused, reason, answer, now):
        if answer == 'strike':
            self.strikes += 1
            if refused != 'tick' or self.strikes > 1:
                self.stopped = reason
        elif answer == 'send_checkpoint':
            self.wants_checkpoint = True
        elif answer == 'wait':
            self.tick_wait = now + 1
        elif answer == 'ask_fleet' and refused == 'tick':
            self.tick_wait = now + ASK_AGAIN_SECONDS
        elif answer == 'ask_fleet':
            self.commit_wait = now + ASK_AGAIN_SECONDS
        elif answer == 'resume':
            self.refusals += 1
            self.commit_wait = now + 1 if self.refusals > 1 else 0
        return 'hello' if reason == 'tariff_not_in_force' else None

    # What it does next

    def advance(self, register, tariffs, now):
        """([(topic name, payload)], [ticks]) to send, given the register."""
        if self.stopped or register is None:
            return [], []
        if self.held and register < commitments.reading_at(self.held.terms, self._index()):
            self.stopped = 'meter_changed'
            return [], []
        if self.sent and now - self.sent.at >= ANSWER_SECONDS:
            self.sent.at = now
            return [(self.sent.name, self.sent.payload)], []
        tariff = self._tariff(tariffs, now)
        if self._must_checkpoint(register, tariff, now):
            self._commit(commitments.CHECKPOINT, register, tariff, now)
        if self.sent and self.sent.stops_ticks:
            return self._unsent(now), []
        ticks = self._ticks(register, now) if now >= self.tick_wait else []
        if self._must_renew():
            self._commit(commitments.RENEWAL, register, tariff, now)
        return self._unsent(now), ticks

    def _unsent(self, now):
        """The commitment that was made just now."""
        return [(self.sent.name, self.sent.payload)] if self.sent and self.sent.at == now else []

    def _must_checkpoint(self, register, tariff, now):
        if self.sent or tariff is None or now < self.commit_wait:
            return False
        if self.held is None or self.wants_checkpoint or self._is_far(register):
            return True
        terms, (tariff_hash, chosen) = self.held.terms, tariff
        runs_out = terms['expiry'] <= now + EXPIRY_MARGIN_SECONDS
        return terms['tariffHash'] != tariff_hash or (
            runs_out and self._expiry(chosen) > terms['expiry'])

    def _must_renew(self):
        if self.held is None or self.pending or self.sent:
            return False
        return self._index() * 100 >= self.held.chain.length * RENEW_PERCENT

    def _is_far(self, register):
        """Too far for one jump, or past the end with no renewal accepted."""
        steps, length = self._steps(self.held, register), self.held.chain.length
        if min(steps, length) - self._index() > JUMP_MAX:
            return True
        if steps <= length:
            return False
        beyond = self._steps(self.pending, register) if self.pending else steps
        return self.pending is None or beyond > min(JUMP_MAX, self.pending.chain.length)

    def _ticks(self, register, now):
        if self.held is None:
            return []
        ticks = self._reveal(self.held, register)
        if self.pending and self._index() == self.held.chain.length:
            renewed = self._reveal(self.pending, register)
            if renewed:
                self.before, self.held, self.pending = self.held, self.pending, None
                ticks += renewed
        if not ticks and self.shown > self.acked and now - self.tick_at >= ANSWER_SECONDS:
            epoch = self.held if self.shown[0] == self.held.number else self.before
            ticks = [self._tick(epoch, self.shown[1])]
        self.tick_at = now if ticks else self.tick_at
        return ticks

    def _reveal(self, epoch, register):
        """The newest word the register has got to, as far as one jump goes."""
        shown = self.shown[1] if self.shown[0] == epoch.number else 0
        index = min(self._steps(epoch, register), epoch.chain.length, shown + JUMP_MAX)
        if index < 1 or (epoch.number, index) <= self.shown:
            return []
        self.shown = (epoch.number, index)
        return [self._tick(epoch, index)]

    def _tick(self, epoch, index):
        return Tick(self.slot, epoch.number, index, epoch.chain.word(index))

    # Commitments

    def _commit(self, kind, register, tariff, now):
        """Leaves a commitment in `sent`, unless nothing can be committed."""
        terms = self._terms(kind, register, tariff, now) if now >= self.commit_wait else None
        if terms is None:
            return
        chain = Chain(self.own.root_secret, terms)
        terms['root'] = chain.root
        signature = self.own.sign(self.own.digest('Commitment', terms))
        signed = {'value': terms, 'signature': signature}
        payload = pack('commit', {'slot': self.slot, 'commitment': signed})
        self.last_epoch = terms['epoch']
        name = 'commit' if self.held else 'open'
        self.sent = Sent(name, payload, Epoch(terms, signature, chain), now)

    def _terms(self, kind, register, tariff, now):
        if tariff is None or self.mandate is None:
            return None
        tariff_hash, chosen = tariff
        base, start = self._start(kind, register)
        expiry = self._expiry(chosen)
        length = self._length(base, chosen)
        if not self.mandate['notBefore'] <= now < expiry or length < 1:
            return None
        return {
            'kind': kind, 'channelId': self.channel_id, 'epoch': self.last_epoch + 1,
            'base': base, 'length': length, 'unitsPerTick': chosen['unitsPerTick'],
            'pricePerTick': chosen['pricePerTick'], 'startReading': start,
            'tariffHash': tariff_hash, 'issuedAt': int(now), 'expiry': expiry,
        }

    def _start(self, kind, register):
        """Base and start reading; what is owed up to here is at the old price."""
        if self.held is None:
            # A gateway that has lost its state gets nothing for free.
            return 0, min(register, self.paid_readings.get(self.channel_id, register))
        length = self.held.chain.length
        steps = length if kind == commitments.RENEWAL else self._steps(self.held, register)
        terms = self.held.terms
        return commitments.amount_at(terms, steps), commitments.reading_at(terms, steps)

    def _length(self, base, tariff):
        bounds = [commitments.LENGTH_MAX, self.max_length]
        if tariff['pricePerTick'] > 0:
            bounds.append((self.mandate['limit'] - base) // tariff['pricePerTick'])
        return min(bounds)

    def _expiry(self, tariff):
        return min(self.mandate['expiry'] if self.mandate else 0, tariff['validUntil'])

    def _tariff(self, tariffs, now):
        """(hash, tariff) in force for this meter at a price we accept, or None."""
        wanted = {'unit': self.own.meters[self.meter],
                  **{name: self.channel[name] for name in ('payee', 'assetCode', 'assetScale')}}
        fitting = [
            (hashed, one) for hashed, one in tariffs
            if one['validFrom'] <= now < one['validUntil']
            and all(one[name] == value for name, value in wanted.items())
        ]
        best = max(fitting, key=lambda pair: pair[1]['validFrom'], default=None)
        limit = self.own.price_max
        if best and limit is not None and best[1]['pricePerTick'] > limit:
            return None
        return best

    # Where it stands

    def _steps(self, epoch, register):
        return (register - epoch.terms['startReading']) // epoch.terms['unitsPerTick']

    def _index(self):
        """What was shown of the held epoch."""
        return self.shown[1] if self.held and self.shown[0] == self.held.number else 0

    def held_reading(self):
        """The register of the state that the gateway has acknowledged."""
        epoch = self.held if self.acked[0] == self.held.number else self.before
        return commitments.reading_at(epoch.terms, self.acked[1])

    def _remember(self):
        self.paid_readings[self.channel_id] = self.held_reading()

    def relay_until(self, tariffs):
        """The register at which the relay opens, or None when it must be open now: section 11."""
        epoch = self.held
        if epoch and self.acked[0] != epoch.number:
            epoch = self.before
        if epoch is None or self.supply['level'] == 'off':
            return None
        credit = 0
        if self.supply['level'] == 'on':
            by_hash = dict(tariffs)
            tariff = by_hash.get(epoch.terms['tariffHash'])
            credit = tariff['creditTicks'] if tariff else 0
        return commitments.reading_at(epoch.terms, self.acked[1] + credit)
