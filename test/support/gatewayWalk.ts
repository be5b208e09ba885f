/**
 * A random walk through a gateway's life: what devices, fleet, operator and disk may do, in any
 * order. Refusals are fine; what is acknowledged is remembered.
 */

import { formatPublicKey } from '../../ports/keyText.ts'
import { present } from '../../protocol/assert.ts'
import { publicKeyOf } from '../../protocol/keys.ts'
import type { Scene, SceneDevice } from './gatewayScene.ts'
import { checkpointOf, openScene, putMandate, renewalOf } from './gatewayScene.ts'
import type { Committed, ScriptedDevice } from './scriptedDevice.ts'
import { tickOf } from './scriptedDevice.ts'
import { testKey } from './virtualGateway.ts'

export type WalkStep =
  | { readonly kind: 'tick'; readonly who: number; readonly slot: number; readonly by: number }
  | { readonly kind: 'renew'; readonly who: number; readonly slot: number }
  | {
      readonly kind: 'checkpoint'
      readonly who: number
      readonly slot: number
      readonly gap: number
    }
  | {
      readonly kind: 'mandate'
      readonly who: number
      readonly slot: number
      readonly limit: number
    }
  | { readonly kind: 'pause' | 'resume' | 'replace'; readonly who: number }
  | { readonly kind: 'close'; readonly who: number; readonly slot: number }
  | { readonly kind: 'settle' | 'snapshot' | 'stop' }
  | { readonly kind: 'wait'; readonly hours: number }
  /** A power cut: what is on its way when it strikes, and how much of it reaches the disk. */
  | { readonly kind: 'crash'; readonly held: boolean; readonly who: number; readonly torn: number }

/** Where a channel stands as far as its device knows. */
type Line = { committed: Committed; index: number; next: Committed | undefined; epochs: number }

export type Walk = {
  readonly scene: Scene
  readonly run: (step: WalkStep) => Promise<void>
  /** Amounts that were acknowledged and are held no more; empty when nothing was lost. */
  readonly lost: () => readonly string[]
}

export async function startWalk(): Promise<Walk> {
  const scene = await openScene()
  const devices = [await scene.device('ev-1', { units: ['Wh', 'Wh'] }), await scene.device('ev-2')]
  const past = new Map<number, ScriptedDevice[]>()
  const walk = { scene, devices, past, lines: new Map<string, Line>(), sequence: 1, keys: 0 }
  for (const [who, device] of devices.entries()) {
    for (const slot of device.channelIds.keys()) await openLine(walk, who, slot)
  }
  return {
    scene,
    run: (step) => runStep(walk, step),
    lost: () => devices.flatMap((_, who) => lostOf(walk, who)),
  }
}

type State = {
  readonly scene: Scene
  readonly devices: SceneDevice[]
  /** Earlier sessions of each device with its present key. */
  readonly past: Map<number, ScriptedDevice[]>
  readonly lines: Map<string, Line>
  sequence: number
  keys: number
}

async function openLine(walk: State, who: number, slot: number): Promise<void> {
  const device = present(walk.devices[who], 'a device')
  const committed = device.commitment({}, slot)
  await device.sendCommitment(committed.commitment, slot)
  walk.lines.set(`${who}/${slot}`, { committed, index: 0, next: undefined, epochs: 1 })
}

async function runStep(walk: State, step: WalkStep): Promise<void> {
  const { scene } = walk
  switch (step.kind) {
    case 'settle':
      await scene.call('settle')
      return
    case 'snapshot':
      return scene.world.time.advance(300_000)
    case 'wait':
      scene.world.time.jumpWall(step.hours * 3_600_000)
      return scene.world.time.advance(1_000)
    case 'stop':
      await scene.during(scene.world.gateway.close())
      await scene.world.crash()
      return comeBack(walk)
    case 'crash':
      return crash(walk, step)
    default:
      return runDevice(walk, step)
  }
}

async function crash(walk: State, step: Extract<WalkStep, { kind: 'crash' }>): Promise<void> {
  const { world } = walk.scene
  const release = step.held ? world.disk.holdSyncs() : () => {}
  await runDevice(walk, { kind: 'tick', who: step.who, slot: 0, by: 3 })
  await world.crash(step.torn)
  release()
  await comeBack(walk)
}

async function comeBack({ scene, devices, past }: State): Promise<void> {
  await scene.world.restart()
  for (const [who, device] of devices.entries()) {
    past.set(who, [...(past.get(who) ?? []), device.client])
    await device.reconnect()
  }
}

type DeviceStep = Extract<WalkStep, { readonly who: number }>

async function runDevice(walk: State, step: Exclude<DeviceStep, { kind: 'crash' }>) {
  const { scene } = walk
  const device = present(walk.devices[step.who], 'a device')
  const name = { fleet: 'acme', device: device.name }
  if (!('slot' in step)) {
    if (step.kind === 'replace') return replace(walk, step.who)
    await scene.call(step.kind, name)
    return
  }
  const slot = step.slot % device.channelIds.length
  if (step.kind === 'close') {
    await scene.call('channel_close', { ...name, meter: `meter-${slot}` }).catch(() => {})
  } else if (step.kind === 'mandate') {
    const change = { sequence: ++walk.sequence, limit: BigInt(step.limit) }
    await putMandate(scene, present(device.channelIds[slot], 'an id'), change)
  } else {
    await pay(device, slot, present(walk.lines.get(`${step.who}/${slot}`), 'a line'), step)
  }
}

async function pay(
  device: SceneDevice,
  slot: number,
  line: Line,
  step: Extract<WalkStep, { kind: 'tick' | 'renew' | 'checkpoint' }>,
): Promise<void> {
  if (step.kind === 'tick') return tick(device, slot, line, step.by)
  const epoch = ++line.epochs
  const start =
    step.kind === 'renew'
      ? renewalOf(line.committed, { epoch })
      : checkpointOf(line.committed, line.index + step.gap, epoch)
  const next = device.commitment(start, slot)
  const before = device.client.received.accepts.length
  await device.sendCommitment(next.commitment, slot)
  if (device.client.received.accepts.length === before) return
  if (step.kind === 'renew') line.next = next
  else Object.assign(line, { committed: next, index: 0, next: undefined })
}

async function tick(device: SceneDevice, slot: number, line: Line, by: number): Promise<void> {
  const { length } = line.committed.commitment.value
  const target = line.index + by
  if (target <= length || !line.next) {
    const index = Math.min(target, length)
    await device.sendTicks(tickOf(line.committed, index, slot))
    if (device.lastAck(slot)?.index === index) line.index = index
    return
  }
  const index = Math.min(target - length, line.next.commitment.value.length)
  await device.sendTicks(tickOf(line.committed, length, slot), tickOf(line.next, index, slot))
  const ack = device.lastAck(slot)
  if (ack?.epoch !== line.next.commitment.value.epoch) return
  Object.assign(line, { committed: line.next, index, next: undefined })
}

/** A new key: channels begin anew. */
async function replace(walk: State, who: number): Promise<void> {
  const { scene } = walk
  const old = present(walk.devices[who], 'a device')
  const key = testKey('p256', 100 + ++walk.keys)
  const publicKey = formatPublicKey(publicKeyOf(key))
  const name = { fleet: 'acme', device: old.name }
  const replaced = await scene.call('device_replace', { ...name, publicKey }).catch(() => {})
  if (!replaced) return
  const units = old.channelIds.map(() => 'Wh')
  const device = await scene.device(old.name, { key, units, mandate: { sequence: 1 } })
  walk.devices[who] = device
  walk.past.delete(who)
  for (const slot of device.channelIds.keys()) await openLine(walk, who, slot)
}

/** Acks of a device, compared with what the gateway holds now. */
function lostOf({ scene, devices, past }: State, who: number): readonly string[] {
  const { state } = scene.world.gateway.core
  const device = present(devices[who], 'a device')
  const problems: string[] = []
  for (const { received } of [...(past.get(who) ?? []), device.client]) {
    for (const { slot, epoch, index } of received.acks.flatMap(({ entries }) => entries)) {
      const channel = state.cold.device('acme', device.name)?.channels[slot]
      const held = channel === undefined ? undefined : state.hot.register(channel)
      const further = held && (held.epoch > epoch || (held.epoch === epoch && held.index >= index))
      if (!further) problems.push(`${device.name}/${slot}: ${epoch}/${index} was acknowledged`)
    }
  }
  return problems
}
