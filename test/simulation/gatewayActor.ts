/**
 * One gateway of the simulated world: the product's own, on a virtual disk, database and wire. It
 * can die at any moment, also within one operation of its disk, and starts again from what is
 * there.
 * @module
 */
import { type Dice, diceFrom } from '../../firmware-sim/dice.ts'
import type { GatewayConfig } from '../../gateway/config.ts'
import { type Gateway, startGateway } from '../../gateway/gateway.ts'
import { startLife } from '../../gateway/store/meta.ts'
import { fastSha256 } from '../../ledger/io/fastVerify.ts'
import type { Ports } from '../../ports/index.ts'
import { OperatorError } from '../../ports/operatorError.ts'
import { bytesToHex, concatBytes } from '../../protocol/bytes.ts'
import type { PrivateKey } from '../../protocol/keys.ts'
import { type MemoryDisk, memoryDisk } from '../support/memoryDisk.ts'
import { seededRandom } from '../support/virtualGateway.ts'
import {
  type Tap,
  type VirtualNetwork,
  virtualNetwork,
  type Weather,
} from '../support/virtualNetwork.ts'
import { verifyDigest } from './fastKeys.ts'
import type { Fleet } from './fleet.ts'
import type { LedgerActor } from './ledgerActor.ts'
import { honestLiar, type Liar } from './liar.ts'
import { endLife, type Life, mortalPorts, newLife, type SkewedClock, skewedClock } from './life.ts'
import { watchLogins } from './logins.ts'
import type { GatewayName } from './plan.ts'
import type { WorldRecord } from './record.ts'
import { lifeDisk, type SimStore, type Slowness, simStore } from './stores.ts'
import { widerLies } from './widerLies.ts'

export type GatewayActor = {
  readonly name: GatewayName
  readonly key: PrivateKey
  /** In force from the next start on. */
  config: GatewayConfig
  readonly liar: Liar
  /** Last position of a life that the store still has: what came after it is lost. */
  readonly lostAfter: (life: string) => number
  readonly clock: SkewedClock
  readonly disk: MemoryDisk
  readonly cold: SimStore
  readonly network: VirtualNetwork
  readonly running: () => Gateway | undefined
  /** A verb of the control socket; rejects when nothing runs. Never resolves when it dies. */
  readonly call: (verb: string, args: unknown) => Promise<unknown>
  /** Kills it; it starts again after `downMs`. */
  readonly crash: (downMs: number, dice: Dice) => void
  /** Kills it at one of its next operations on the disk. */
  readonly crashInWrite: (afterOperations: number, downMs: number, dice: Dice) => void
  /** It is not killed any more by what was asked for and has not happened. */
  readonly disarm: () => void
  /** Kills it, puts `restore` into effect and starts it again. */
  readonly replaceStore: (restore: () => Promise<void>) => Promise<void>
  /** While true, a start or a write that fails is what was asked for. */
  mayFail: boolean
  /** Told of each start. */
  onStarted: (gateway: Gateway, why: Why) => void
}

export type GatewayWorld = {
  readonly ports: Ports
  readonly slow: Slowness
  readonly ledger: LedgerActor
  readonly record: WorldRecord
  readonly fleet: Fleet
  readonly weather: Weather
  readonly tapOf: (actor: () => GatewayActor) => Tap
  readonly wrapLink: (
    actor: () => GatewayActor,
    link: VirtualNetwork['link'],
  ) => VirtualNetwork['link']
}

type Why = 'first' | 'again' | 'restored'

type State = {
  readonly world: GatewayWorld
  readonly actor: GatewayActor
  life: Life
  gateway: Gateway | undefined
  trap: { operations: number; readonly downMs: number; readonly dice: Dice } | undefined
  starts: number
  /** Its store came from a backup, and no start has succeeded since. */
  isRestored: boolean
  /** By life in hex: the last of its positions that is not lost. */
  readonly lives: Map<string, number>
}

export function gatewayActor(
  world: GatewayWorld,
  name: GatewayName,
  key: PrivateKey,
  config: GatewayConfig,
): { readonly actor: GatewayActor; readonly start: () => Promise<void> } {
  const { ports } = world
  const actorOf = () => actor
  const actor: GatewayActor = {
    name,
    key,
    config,
    liar: honestLiar(),
    lostAfter: (life) => state.lives.get(life) ?? Number.POSITIVE_INFINITY,
    clock: skewedClock(ports.clock),
    disk: memoryDisk(),
    cold: simStore(world.slow),
    network: wireOf(world, actorOf),
    running: () => state.gateway,
    call: async (verb, args) => {
      if (!state.gateway) throw new OperatorError(`${name} does not run`)
      return state.gateway.call(verb, args)
    },
    crash: (downMs, dice) => crash(state, downMs, dice),
    crashInWrite: (operations, downMs, dice) => {
      state.trap = { operations, downMs, dice }
    },
    disarm: () => {
      state.trap = undefined
      actor.disk.heal()
    },
    replaceStore: async (restore) => {
      kill(state)
      state.isRestored = true
      await restore()
      await start(state, 'restored')
    },
    mayFail: false,
    onStarted: () => undefined,
  }
  const life = newLife()
  const state: State = {
    world,
    actor,
    life,
    gateway: undefined,
    trap: undefined,
    starts: 0,
    isRestored: false,
    lives: new Map(),
  }
  return { actor, start: () => start(state, 'first') }
}

/** How long a login and an acknowledgement are on their way. */
const hopMs = 4

function wireOf({ ports, weather, tapOf }: GatewayWorld, actor: () => GatewayActor) {
  return virtualNetwork(ports, {
    weather,
    tap: tapOf(actor),
    hopMs,
    // What is lost was lost behind the broker's acknowledgement.
    onLost: (acknowledge) => ports.timers.after(hopMs, acknowledge),
  })
}

function kill(state: State): void {
  endLife(state.life)
  state.gateway = undefined
  state.trap = undefined
  state.actor.network.stop()
}

function crash(state: State, downMs: number, dice: Dice): void {
  const { actor, world } = state
  kill(state)
  actor.disk.crash(dice.chance(0.5) ? dice.between(0, 400) : 0)
  const coldIsBack = actor.cold.crash()
  const { life } = state
  world.record.note(`${actor.name} died, down for ${downMs}`)
  world.ports.timers.after(downMs, () => {
    if (state.life === life) void coldIsBack.then(() => start(state, 'again'))
  })
}

/** Retried each second for as long as the disk fails, as a supervisor does. */
async function start(state: State, reason: Why): Promise<void> {
  const why = state.isRestored ? 'restored' : reason
  const { actor, world } = state
  const life = newLife()
  state.life = life
  try {
    const gateway = await startIn(state, life)
    if (life.isOver) return
    state.gateway = gateway
    state.isRestored = false
    countLives(state, gateway, why)
    actor.network.serve(watchLogins(world.record, actor.clock, gateway))
    actor.liar.more = widerLies(gateway, world.fleet.mandatesOf)
    actor.liar.mandateOf = (channelId) => {
      const { cold } = gateway.core.state
      return cold.mandate(cold.numberOf(channelId) ?? 0)
    }
    actor.liar.pendingOf = (channelId) => {
      const { cold, hot } = gateway.core.state
      const channel = cold.numberOf(channelId) ?? 0
      return cold.commitment(channel, hot.columns.pendingEpoch[channel] ?? 0)
    }
    world.record.note(`${actor.name} runs`)
    actor.onStarted(gateway, why)
  } catch (error) {
    if (life.isOver) return
    const what = String(error)
    world.record.note(`${actor.name} does not start: ${what}`)
    if (!actor.mayFail) {
      world.record.violate('nothing fails by itself', `${actor.name} does not start: ${what}`)
    }
    kill(state)
    const dead = state.life
    world.ports.timers.after(1_000, () => {
      if (state.life === dead) void start(state, why)
    })
  }
}

async function startIn(state: State, life: Life): Promise<Gateway> {
  const { actor, world } = state
  state.starts += 1
  const own = mortalPorts(world.ports, life, actor.clock)
  const seed = state.starts * 131 + (actor.name === 'gw-1' ? 17 : 23)
  const ports = { ...own, random: seededRandom(seed) }
  const disk = lifeDisk(actor.disk, life, world.slow, (moment) => {
    if (moment === 'fails') mustStop(state, life)
    else spring(state)
  })
  const { life: name, storeId } = await startLife(disk, ports.random)
  const { ledger, desk } = world.ledger.viewOf(life)
  return startGateway({
    ports,
    config: actor.config,
    key: actor.key,
    disk,
    store: actor.cold.openFor(life),
    storeId,
    ledger: actor.liar.wrap(ledger),
    desk,
    verify: verifyDigest,
    sha256: fastSha256,
    link: guarded(
      world.wrapLink(() => actor, actor.network.link),
      life,
    ),
    derive: async (password, salt) => fastSha256(concatBytes(salt, password)),
    life: name,
    onFatal: (error) => fail(state, life, error),
  })
}

/** Remembers which lives the store knows of, and how far a backup goes back. */
function countLives({ lives }: State, gateway: Gateway, why: Why): void {
  const known = gateway.core.state.lives.map(({ life, position }) => ({
    name: bytesToHex(life),
    position,
  }))
  const [newest] = known.slice(-1)
  if (why === 'restored' && newest) {
    for (const name of lives.keys()) {
      if (!known.some((one) => one.name === name)) lives.set(name, -1)
    }
    // What the store that is there now knows of each life before the present one.
    for (const [place, { name }] of known.slice(0, -1).entries()) {
      const next = known[place + 1]?.position ?? 0
      lives.set(name, next - 1)
    }
  }
  if (newest) lives.set(newest.name, Number.POSITIVE_INFINITY)
}

/** What a dead program still wants to say is not heard. */
function guarded(link: VirtualNetwork['link'], life: Life): VirtualNetwork['link'] {
  return {
    publish: (topic, payload, mode) => {
      if (!life.isOver) link.publish(topic, payload, mode)
    },
    disconnect: (sessionId, reason) => {
      if (!life.isOver) link.disconnect(sessionId, reason)
    },
    disconnectReader: () => undefined,
  }
}

/** An operation on the disk begins or ends: perhaps the one to die at. */
function spring(state: State): void {
  const { trap } = state
  if (!trap) return
  trap.operations -= 1
  if (trap.operations <= 0) crash(state, trap.downMs, trap.dice)
}

/** What a disk refuses may never be pretended: the program has to end. */
function mustStop(state: State, life: Life): void {
  const { actor, world } = state
  world.ports.timers.after(1_000, () => {
    if (life.isOver || state.gateway === undefined) return
    world.record.violate('acknowledged is durable', `${actor.name} goes on after a failed write`)
  })
}

/** The program ends at once, as the real one does, and a supervisor starts it again. */
function fail(state: State, life: Life, error: unknown): void {
  if (life.isOver) return
  const { actor, world } = state
  world.record.note(`${actor.name} stops: ${String(error)}`)
  if (!actor.mayFail) {
    world.record.violate('nothing fails by itself', `${actor.name} stops: ${String(error)}`)
  }
  // What would leave in its last moments is looked at like everything else.
  world.ports.timers.after(20, () => {
    if (!life.isOver) crash(state, 1_000, diceFrom(state.starts))
  })
}
