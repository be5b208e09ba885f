/**
 * A device that cheats in every way it can think of. It has a key, a channel and a mandate like all
 * others, and no shame.
 * @module
 */
import type { Dice } from '../../firmware-sim/dice.ts'
import type { Ports } from '../../ports/index.ts'
import { buildChain } from '../../protocol/chain.ts'
import type { PrivateKey } from '../../protocol/keys.ts'
import { encodeClose, encodeCommit, encodeHello } from '../../protocol/messages.ts'
import type { Commitment, Signed, Tariff } from '../../protocol/structures.ts'
import { CHECKPOINT, RENEWAL } from '../../protocol/structures.ts'
import { encodeTicks } from '../../protocol/tick.ts'
import type { UpName } from '../../protocol/topics.ts'
import type { Domain } from '../../protocol/typedData.ts'
import {
  type Committed,
  commit,
  connectDevice,
  type DeviceIdentity,
  type ScriptedDevice,
  sign,
} from '../support/scriptedDevice.ts'
import { fleetName } from './fleet.ts'
import type { GatewayActor } from './gatewayActor.ts'

export type Crook = {
  readonly device: string
  readonly gateway: GatewayActor
  readonly key: PrivateKey
  /** Does a few things, honest ones among them. */
  readonly act: (dice: Dice) => Promise<void>
  /** The same with other tricks. */
  readonly try: (tricks: readonly Trick[], dice: Dice) => Promise<void>
}

export type CrookWorld = {
  readonly ports: Ports
  readonly domain: Domain
  readonly gateway: GatewayActor
  readonly key: PrivateKey
  /** The channel of somebody else. */
  readonly otherChannel: () => Uint8Array | undefined
  /** Signatures that were made for another ledger, in hex. */
  readonly foreign: Set<string>
}

type State = {
  readonly world: CrookWorld
  readonly identity: DeviceIdentity
  client: ScriptedDevice | undefined
  readonly chains: Map<string, Committed>
  readonly sent: { readonly name: UpName; readonly payload: Uint8Array }[]
}

export const crookName = 'crook'

const lengthMax = 1_300
const answerMs = 60

export function crookAt(world: CrookWorld): Crook {
  const { domain, gateway, key } = world
  const device = crookName
  const identity = {
    fleet: fleetName,
    device,
    gateway: gateway.name,
    domain,
    key,
    rootSecret: new Uint8Array(32).fill(99),
  }
  const state: State = { world, identity, client: undefined, chains: new Map(), sent: [] }
  return {
    device,
    gateway,
    key,
    act: (dice) => act(state, tricks, dice),
    try: (others, dice) => act(state, others, dice),
  }
}

async function act(state: State, from: readonly Trick[], dice: Dice): Promise<void> {
  for (let count = dice.between(4, 12); count > 0; count--) {
    await connect(state, dice)
    const slot = state.client?.received.slots.at(-1)
    if (!slot) return
    const trick = slot.held ? from[dice.between(0, from.length - 1)] : opening(dice)
    const held = slot.held && lineOf(state, slot.held.commitment)
    const tariff = state.world.gateway.config.tariffs.find(({ unit }) => unit === 'Wh')
    if (!tariff) return
    const nowSeconds = Math.floor(state.world.ports.clock.nowMs() / 1_000)
    const line = { channelId: slot.mandate?.value.channelId, tariff, nowSeconds }
    const { channelId } = line
    if (!channelId) return
    const room = Math.min(slot.maxLength, lengthMax)
    const index = slot.held?.index ?? 0
    trick?.({
      state,
      dice,
      held,
      index,
      pending: slot.pending,
      room,
      channelId,
      tariff,
      nowSeconds,
    })
    await pause(state, answerMs)
    // What it was told since then decides about the next trick.
    send(state, 'hello', encodeHello({ mark: undefined, meters: [] }))
    await pause(state, answerMs)
  }
}

async function connect(state: State, dice: Dice): Promise<void> {
  const isNew = !state.client || state.client.received.closed
  if (!isNew && dice.chance(0.9)) return
  const { gateway, ports } = state.world
  const nonce = new Uint8Array(32).map(() => dice.between(0, 255))
  const connector = gateway.network.connect
  try {
    state.client = await connectDevice(state.identity, connector, ports.clock, nonce)
  } catch {
    state.client = undefined
    return
  }
  send(state, 'hello', encodeHello({ mark: undefined, meters: [] }))
  await pause(state, answerMs)
}

function pause({ world }: State, ms: number): Promise<void> {
  return new Promise((resolve) => {
    world.ports.timers.after(ms, resolve)
  })
}

export function send(state: State, name: UpName, payload: Uint8Array): void {
  state.sent.push({ name, payload })
  state.client?.send(name, payload).catch(() => undefined)
}

/** The chain of a commitment that this device made. */
export function lineOf({ chains, identity }: State, commitment: Signed<Commitment>): Committed {
  const id = Buffer.from(commitment.signature).toString('hex')
  const { root: _, ...terms } = commitment.value
  const known = chains.get(id) ?? { commitment, chain: buildChain(identity.rootSecret, terms) }
  chains.set(id, known)
  return known
}

export type Table = {
  readonly state: State
  readonly dice: Dice
  readonly held: Committed | undefined
  readonly index: number
  readonly pending: Signed<Commitment> | undefined
  readonly room: number
  readonly channelId: Uint8Array
  readonly tariff: Tariff
  readonly nowSeconds: number
}

export type Trick = (table: Table) => void

function tick({ state, held }: Table, index: number, change: object = {}): void {
  if (!held) return
  const { epoch, length } = held.commitment.value
  const word = held.chain.wordAt(Math.min(index, length))
  send(state, 'tick', encodeTicks([{ slot: 0, epoch, index, word, ...change }]))
}

export function offer(table: Table, change: Partial<Commitment>, signature?: Uint8Array): void {
  const { state, room, channelId, tariff, nowSeconds } = table
  const start = { channelId, tariff, nowSeconds, length: Math.max(1, room), ...change }
  // A chain of a length that is refused anyway need not be built.
  const isLong = start.length > lengthMax
  const made = commit(state.identity, { ...start, length: isLong ? 1 : start.length })
  const { commitment } = isLong
    ? { commitment: sign(state.identity, { ...made.commitment.value, length: start.length }) }
    : made
  const signed = signature ? { ...commitment, signature } : commitment
  send(state, 'commit', encodeCommit({ slot: 0, commitment: signed }))
}

/** The next commitment as an honest device would make it, `ticks` further. */
export function checkpoint({ held, index, pending }: Table, ticks: number): Partial<Commitment> {
  if (!held) return { epoch: 1 }
  const { value } = held.commitment
  const units = BigInt(index + ticks) * value.unitsPerTick
  return {
    kind: CHECKPOINT,
    epoch: Math.max(value.epoch, pending?.value.epoch ?? 0) + 1,
    base: value.base + BigInt(index + ticks) * value.pricePerTick,
    startReading: value.startReading + units,
  }
}

export function renewal(table: Table): Partial<Commitment> {
  const { held, index } = table
  if (!held) return { kind: RENEWAL }
  return { ...checkpoint(table, held.commitment.value.length - index), kind: RENEWAL }
}

export function pay(table: Table): void {
  const { dice, held, index } = table
  if (!held) offer(table, {})
  else tick(table, Math.min(index + dice.between(1, 30), held.commitment.value.length))
}

/** Most things can only be tried once a channel is open. */
function opening(dice: Dice): Trick | undefined {
  return dice.chance(0.5) ? pay : tricks[dice.between(0, tricks.length - 1)]
}

const tricks: readonly Trick[] = [
  pay,
  pay,
  pay,
  (table) => offer(table, renewal(table)),
  (table) => offer(table, checkpoint(table, table.dice.between(0, 40))),
  // Words of an accepted renewal, before and after the last of the running epoch.
  (table) => {
    const { state, pending, dice } = table
    if (!pending) return
    const next = lineOf(state, pending)
    const index = Math.min(dice.between(0, 20), pending.value.length)
    tick({ ...table, held: next }, index)
  },
  // Words that are wrong, late, or of no epoch, slot or form.
  (table) => tick(table, table.index + 1, { word: new Uint8Array(32).fill(3) }),
  (table) => tick(table, Math.max(0, table.index - table.dice.between(0, 5))),
  (table) => tick(table, (table.held?.commitment.value.length ?? 0) + table.dice.between(1, 4)),
  (table) => tick(table, table.held?.commitment.value.length ?? 0),
  (table) => tick(table, table.index + 1, { epoch: table.dice.between(0, 40) }),
  (table) => tick(table, table.index + 1, { slot: table.dice.between(1, 9) }),
  ({ state, dice }) => send(state, 'tick', new Uint8Array(dice.between(0, 3) * 42 + 41)),
  ({ state }) => send(state, 'tick', new Uint8Array(42).fill(2)),
  (table) => {
    for (let count = 0; count < 4; count++) {
      const index = Math.min(table.index + 900, table.held?.commitment.value.length ?? 0)
      tick(table, index, { word: new Uint8Array(32).fill(count) })
    }
  },
  // Commitments off the line.
  (table) => offer(table, { ...checkpoint(table, 2), base: 0n }),
  (table) => offset(table, checkpoint(table, 2), -1n, 0n),
  (table) => offset(table, checkpoint(table, 2), 1n, 0n),
  (table) => offset(table, checkpoint(table, 2), 0n, 1n),
  (table) => offset(table, checkpoint(table, -1), 0n, 0n),
  (table) => offset(table, renewal(table), -1n, 0n),
  (table) => offset(table, renewal(table), 0n, -1n),
  (table) => offer(table, { ...checkpoint(table, 3), kind: RENEWAL }),
  (table) => offer(table, { ...checkpoint(table, 1), kind: 3 }),
  (table) => offer(table, { ...checkpoint(table, 1), base: (1n << 64n) - 2n }),
  (table) => offer(table, { ...checkpoint(table, 1), startReading: (1n << 64n) - 2n }),
  // Epochs that are taken.
  (table) => {
    if (!table.held) return
    const { commitment } = table.held
    send(table.state, 'commit', encodeCommit({ slot: 0, commitment }))
  },
  (table) =>
    offer(table, { ...checkpoint(table, 1), epoch: table.held?.commitment.value.epoch ?? 1 }),
  (table) => offer(table, { ...checkpoint(table, 1), epoch: 0 }),
  (table) => {
    offer(table, checkpoint(table, 4))
    offer(table, { ...checkpoint(table, 4), length: Math.max(1, table.room - 1) })
  },
  // Terms that nobody agreed to.
  (table) => offer(table, { ...checkpoint(table, 1), pricePerTick: 0n }),
  (table) => offer(table, { ...checkpoint(table, 1), unitsPerTick: 1_000n }),
  (table) => offer(table, { ...checkpoint(table, 1), tariffHash: new Uint8Array(32).fill(1) }),
  (table) => offer(table, { ...checkpoint(table, 1), expiry: table.nowSeconds + 40 * 86_400 }),
  (table) => offer(table, { ...checkpoint(table, 1), expiry: table.nowSeconds - 5 }),
  (table) =>
    offer(table, { ...checkpoint(table, 1), length: table.room + table.dice.between(1, 900) }),
  (table) => offer(table, { ...checkpoint(table, 1), length: 65_537 }),
  (table) => offer(table, { ...checkpoint(table, 1), length: 5_000 }),
  (table) => offer(table, checkpoint(table, 1), new Uint8Array(64).fill(7)),
  (table) => offer(table, { ...checkpoint(table, 600) }),
  (table) => {
    const channelId = table.state.world.otherChannel()
    if (channelId) offer(table, { ...checkpoint(table, 1), channelId })
  },
  // Everything it ever said, once more.
  ({ state, dice }) => {
    for (let count = 0; count < 6; count++) {
      const old = state.sent[dice.between(0, state.sent.length - 1)]
      if (old) state.client?.send(old.name, old.payload).catch(() => undefined)
    }
  },
  ({ state, dice }) => {
    if (dice.chance(0.5)) send(state, 'close', encodeClose({ slot: 0 }))
  },
]

function offset(table: Table, terms: Partial<Commitment>, amount: bigint, units: bigint): void {
  const base = (terms.base ?? 0n) + amount
  const startReading = (terms.startReading ?? 1_000n) + units
  offer(table, {
    ...terms,
    base: base < 0n ? 1n : base,
    startReading: startReading < 0n ? 1n : startReading,
  })
}
