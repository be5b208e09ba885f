/**
 * What the cheating device tries beside: signatures that it made for another ledger, one root for
 * two commitments, words of two epochs and the renewal of the second in one breath, logins at a
 * wrong time.
 * @module
 */
import { bytesToHex } from '../../protocol/bytes.ts'
import { encodeCommit } from '../../protocol/messages.ts'
import { digestOf, RENEWAL, tariffStructure } from '../../protocol/structures.ts'
import { encodeTicks } from '../../protocol/tick.ts'
import { commit, connectDevice } from '../support/scriptedDevice.ts'
import { checkpoint, lineOf, offer, pay, renewal, send, type Table, type Trick } from './crook.ts'

export const widerTricks: readonly Trick[] = [
  pay,
  pay,
  forAnotherLedger,
  forAnotherLedger,
  oneRootForTwo,
  oneRootForTwo,
  twoEpochsAtOnce,
  twoEpochsAtOnce,
  twoEpochsAtOnce,
  loginAtAnotherTime,
]

/** The same device has an account at another ledger, too. */
function forAnotherLedger(table: Table): void {
  const { state, room, channelId, tariff, nowSeconds } = table
  const { identity, world } = state
  const { domain } = identity
  const other = { ...domain, verifyingContract: new Uint8Array(20).fill(0x77) }
  const start = {
    channelId,
    tariff,
    nowSeconds,
    ...checkpoint(table, 1),
    length: Math.max(1, Math.min(room, 80)),
    tariffHash: digestOf(domain, tariffStructure, tariff),
  }
  const { commitment } = commit({ ...identity, domain: other }, start)
  world.foreign.add(bytesToHex(commitment.signature))
  send(state, 'commit', encodeCommit({ slot: 0, commitment }))
}

/** A new commitment with the old root, and the newest word of the old chain for it. */
function oneRootForTwo(table: Table): void {
  const { state, held, index } = table
  if (!held || index === 0) {
    pay(table)
    return
  }
  const { root, length } = held.commitment.value
  const next = { ...checkpoint(table, 1), root, length }
  offer(table, next)
  const word = held.chain.wordAt(index)
  send(state, 'tick', encodeTicks([{ slot: 0, epoch: next.epoch ?? 0, index, word }]))
}

/** The end of one epoch, the first word of the next, and what comes after it. */
function twoEpochsAtOnce(table: Table): void {
  const { state, held, pending } = table
  if (!held || !pending) {
    offer(table, { ...renewal(table), length: Math.max(1, Math.min(table.room, 8)) })
    return
  }
  const { epoch, length } = held.commitment.value
  const next = lineOf(state, pending)
  const { value } = pending
  send(
    state,
    'tick',
    encodeTicks([
      { slot: 0, epoch, index: length, word: held.chain.wordAt(length) },
      { slot: 0, epoch: value.epoch, index: 1, word: next.chain.wordAt(1) },
    ]),
  )
  offer(table, {
    kind: RENEWAL,
    epoch: value.epoch + 1,
    base: value.base + BigInt(value.length) * value.pricePerTick,
    startReading: value.startReading + BigInt(value.length) * value.unitsPerTick,
    length: Math.max(1, Math.min(table.room, 8)),
  })
}

function loginAtAnotherTime({ state, dice }: Table): void {
  const { gateway, ports } = state.world
  const offsetMs = dice.between(-400, 400) * 1_000
  const clock = { ...ports.clock, nowMs: () => ports.clock.nowMs() + offsetMs }
  const nonce = new Uint8Array(32).map(() => dice.between(0, 255))
  const login = connectDevice(state.identity, gateway.network.connect, clock, nonce)
  login.then(({ transport }) => transport.close()).catch(() => undefined)
}
