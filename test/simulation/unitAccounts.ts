/**
 * Units of each meter: what flowed, what was shown for it, what was paid and what is lost.
 * @module
 */
import { bytesToHex } from '../../protocol/bytes.ts'
import { amountAt, readingAt } from '../../protocol/channel.ts'
import type { Commitment } from '../../protocol/structures.ts'
import type { DeviceActor } from './deviceActor.ts'
import { accountOf, type State } from './invariantState.ts'
import { checkOwnLimits } from './ownLimits.ts'
import { beginRewind, forgetRewinds } from './rewinds.ts'

export function checkDevice(state: State, device: DeviceActor): void {
  const { record } = state.watched
  if (state.rewinds.size > 0) forgetRewinds(state, device)
  checkFailSafe(state, device)
  checkOwnLimits(state, state.watched.plan, device)
  for (const [meter, truth] of device.meters) {
    const name = `${device.plan.device}/${meter}`
    const { paid, shown, lost } = accountOf(state, name)
    const flowed = truth.delivered()
    const credit = device.gateway.config.tariffs
      .filter(({ unit }) => unit === truth.unit)
      .map(({ creditTicks, unitsPerTick }) => BigInt(creditTicks) * unitsPerTick)
      .reduce((most, one) => (one > most ? one : most), 0n)
    if (flowed - lost - paid > credit) {
      const detail = `${name}: ${flowed} flowed, ${paid} paid, ${lost} lost, ${credit} on credit`
      record.violate('supplied within the credit window', detail)
    }
    if (shown > flowed) {
      const detail = `${name}: ${shown} units were paid for, ${flowed} flowed`
      record.violate('settled once and never above its proof', detail)
    }
  }
}

/** Whose controller has not heard of its agent for so long supplies nothing. */
const silenceMs = 5_000

function checkFailSafe({ flowed, watched }: State, device: DeviceActor): void {
  const nowMs = watched.nowMs()
  for (const [meter, truth] of device.meters) {
    const name = `${device.plan.device}/${meter}`
    const units = truth.delivered()
    const before = flowed.get(name)
    flowed.set(name, { units, atMs: nowMs })
    if (!before || before.units === units) continue
    if (before.atMs < truth.heardMs() + silenceMs) continue
    const detail = `${name}: ${units - before.units} flowed without anybody who asks for it`
    watched.record.violate('supply fails safe', detail)
  }
}

/** Counts minor units once that a device shows more of a channel. */
function spend(state: State, commitment: Commitment, index: number, owner: string): void {
  const id = bytesToHex(commitment.channelId)
  const amount = amountAt(commitment, index)
  const before = state.spent.get(id) ?? 0n
  if (amount <= before) return
  state.spent.set(id, amount)
  accountOf(state, owner).spent += amount - before
}

/** Counts units once that a channel's reading has moved on by. */
export function advance(
  state: State,
  what: 'paid' | 'shown',
  { channelId, ...commitment }: Commitment,
  index: number,
): void {
  const id = bytesToHex(channelId)
  const owner = state.owners.get(id)
  if (owner === undefined) return
  const account = accountOf(state, owner)
  if (what === 'shown') spend(state, { channelId, ...commitment }, index, owner)
  const key = `${what} ${id}`
  const isOpening = commitment.base === 0n && index === 0
  const before = state.readings.get(key)
  const reading = readingAt(commitment, index)
  if (before === undefined || isOpening) {
    // What was not paid before a new line begins stays unpaid.
    if (what === 'paid') loseUnpaid(state, owner)
    state.readings.set(key, before === undefined || reading > before ? reading : before)
  } else if (reading > before) {
    account[what] += reading - before
    state.readings.set(key, reading)
  }
}

export function registerLost(state: State, device: DeviceActor, meter: string): void {
  loseUnpaid(state, `${device.plan.device}/${meter}`)
  beginRewind(state, device, meter)
}

function loseUnpaid(state: State, name: string): void {
  const [device, meter = ''] = name.split('/')
  const actor = state.watched.devices.find(({ plan }) => plan.device === device)
  const flowed = actor?.meters.get(meter)?.delivered()
  if (flowed === undefined) return
  const account = accountOf(state, name)
  const unpaid = flowed - account.paid
  if (unpaid > account.lost) account.lost = unpaid
}
