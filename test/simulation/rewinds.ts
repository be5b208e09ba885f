/**
 * Readings that come a second time. A gateway from a backup has lost proofs of units that it once
 * acknowledged; the device makes up for it as long as its register goes on. Where the register is
 * lost as well, and the agent that knew it, nobody knows of those units any more: the device counts
 * on from what the gateway still holds, and as many units as are paid again were lost.
 * @module
 */
import { bytesToHex } from '../../protocol/bytes.ts'
import { readingAt } from '../../protocol/channel.ts'
import type { Commitment } from '../../protocol/structures.ts'
import type { DeviceActor } from './deviceActor.ts'
import { accountOf, type State } from './invariantState.ts'

export function beginRewind(state: State, device: DeviceActor, meter: string): void {
  const name = `${device.plan.device}/${meter}`
  const flowed = flowedOf(device, meter)
  const { lost } = accountOf(state, name)
  const agent = device.running()
  // One that has not read the register yet does not know it.
  const hasRead = agent?.status().meters.some((one) => one.meter === meter && one.units !== null)
  const knowing = hasRead ? agent : undefined
  state.rewinds.set(name, { lost, flowed, agent: knowing, from: undefined })
}

/**
 * An agent that knows better than its gateway has lost nothing. One that knew it before the
 * register was lost may die with that: it supplies again once what it knows is on its disk.
 */
export function forgetRewinds(state: State, device: DeviceActor): void {
  const agent = device.running()
  for (const { meter, units } of agent?.status().meters ?? []) {
    const name = `${device.plan.device}/${meter}`
    const rewind = state.rewinds.get(name)
    if (!rewind || rewind.from !== undefined || units === null) continue
    const isKept = rewind.agent !== agent || flowedOf(device, meter) > rewind.flowed
    if (isKept && BigInt(units) >= highestPaid(state, name)) state.rewinds.delete(name)
  }
}

function flowedOf({ meters }: DeviceActor, meter: string): bigint {
  return meters.get(meter)?.delivered() ?? 0n
}

function highestPaid({ owners, readings }: State, name: string): bigint {
  const ids = [...owners].filter(([, owner]) => owner === name).map(([id]) => id)
  const paid = ids.map((id) => readings.get(`paid ${id}`) ?? 0n)
  return paid.reduce((most, one) => (one > most ? one : most), 0n)
}

/** What is acknowledged up to the highest reading so far was acknowledged before. */
export function relive(state: State, commitment: Commitment, index: number): void {
  const id = bytesToHex(commitment.channelId)
  const name = state.owners.get(id)
  const highest = state.readings.get(`paid ${id}`)
  const rewind = name === undefined ? undefined : state.rewinds.get(name)
  if (name === undefined || highest === undefined || !rewind) return
  const [deviceName, meter = ''] = name.split('/')
  const device = state.watched.devices.find(({ plan }) => plan.device === deviceName)
  if (!device || device.running() === rewind.agent) return
  const reading = readingAt(commitment, index)
  rewind.from ??= reading
  const again = (reading < highest ? reading : highest) - rewind.from
  const since = flowedOf(device, meter) - rewind.flowed
  const account = accountOf(state, name)
  const lost = rewind.lost + (again < since ? again : since)
  if (lost > account.lost) account.lost = lost
  if (reading >= highest) state.rewinds.delete(name)
}
