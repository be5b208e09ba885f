/**
 * Payer against the protocol's own rules, with loss, duplication, reordering, crashes, price
 * changes and renewed mandates, in any order. What must hold after every single step: the gateway
 * never holds more than was metered, never finds fault with an honest device, amounts never fall,
 * and what was supplied and not paid stays within the credit window.
 */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { amountAt, readingAt } from '../../../protocol/channel.ts'
import { tariff } from '../../support/fixtures.ts'
import { heldAmount, heldReading } from './support/modelGateway.ts'
import type { Pair } from './support/pair.ts'
import {
  connect,
  crash,
  deviceTakes,
  gatewayTakes,
  makePair,
  pass,
  read,
  settle,
} from './support/pair.ts'

type World = {
  readonly pair: Pair
  readonly creditTicks: number
  meter: bigint
  /**
   * What is owed for everything metered since the channel was opened, at the prices of its time.
   */
  amount: bigint
}

/** What no fault of the network and no crash may lead to. */
const faults = [
  'bad_word',
  'out_of_range',
  'not_continuous',
  'malformed',
  'bad_signature',
  'last_word_skipped',
]

/** The meter supplies `units` as far as its relay lets it, and is read. */
function consume(world: World, units: bigint): void {
  const { order } = world.pair.payer
  const end = order.kind === 'on_until' ? order.units : world.meter
  const until = world.meter + units
  world.meter = until < end ? until : end > world.meter ? end : world.meter
  if (!world.pair.payer.halt) read(world.pair, world.meter)
}

function pick<T>(queue: T[], place: number): T | undefined {
  return queue.splice(place % Math.max(1, queue.length), 1)[0]
}

const steps: readonly ((world: World, size: number) => void)[] = [
  (world, size) => consume(world, BigInt(size)),
  (world, size) => consume(world, BigInt(size) * 10n),
  // A while without trouble.
  (world, size) => {
    settle(world.pair)
    consume(world, BigInt(size) * 5n)
    settle(world.pair)
  },
  (world, size) => {
    for (let i = 0; i < size % 8; i++) {
      consume(world, 60n)
      settle(world.pair)
    }
  },
  // The oldest message of each direction arrives.
  ({ pair }) => {
    const up = pair.toGateway.shift()
    if (up) gatewayTakes(pair, up)
    const down = pair.toDevice.shift()
    if (down) deviceTakes(pair, down)
  },
  ({ pair }) => {
    for (const up of pair.toGateway.splice(0)) gatewayTakes(pair, up)
    for (const down of pair.toDevice.splice(0)) deviceTakes(pair, down)
  },
  // Ticks overtake each other, acknowledgements arrive late.
  ({ pair }, size) => {
    const up = pair.toGateway[size % Math.max(1, pair.toGateway.length)]
    if (up?.kind === 'ticks') gatewayTakes(pair, up)
  },
  ({ pair }, size) => {
    const down = pair.toDevice[size % Math.max(1, pair.toDevice.length)]
    if (down?.kind === 'ack') deviceTakes(pair, down)
  },
  // Loss of anything.
  ({ pair }, size) => void pick(pair.toGateway, size),
  ({ pair }, size) => void pick(pair.toDevice, size),
  ({ pair }, size) => pass(pair, size * 400),
  ({ pair }) => connect(pair),
  (world) => {
    crash(world.pair)
    connect(world.pair)
  },
  // A new price from now on.
  ({ pair }, size) => {
    const { gateway } = pair
    const validFrom = gateway.nowSeconds
    const [current] = gateway.tariffs.slice(-1)
    if (!current || current.validFrom >= validFrom) return
    gateway.tariffs = [
      { ...current, validUntil: validFrom },
      { ...current, validFrom, pricePerTick: BigInt(1 + size) },
    ]
    pair.toGateway.push({ kind: 'hello' })
  },
  // A new mandate.
  ({ pair }, size) => {
    const { mandate } = pair.gateway
    if (!mandate) return
    pair.gateway.mandate = {
      ...mandate,
      sequence: mandate.sequence + 1,
      expiry: pair.gateway.nowSeconds + 60 + size * 60,
    }
    pair.toGateway.push({ kind: 'hello' })
  },
]

function check(world: World, opened: bigint): void {
  const { gateway } = world.pair
  for (const fault of faults) expect(gateway.verdicts).not.toContain(fault)
  const held = heldAmount(gateway)
  expect(held).toBeGreaterThanOrEqual(world.amount)
  world.amount = held
  const reading = heldReading(gateway)
  if (reading === undefined) return
  expect(reading).toBeLessThanOrEqual(world.meter)
  expect(reading).toBeGreaterThanOrEqual(opened)
  const unpaid = world.meter - reading
  expect(unpaid).toBeLessThanOrEqual(BigInt(world.creditTicks) * tariff.unitsPerTick)
  expect(world.pair.payer.halt).toBeUndefined()
}

function run(ops: readonly (readonly [number, number])[], creditTicks: number, maxLength: number) {
  const pair = makePair({ maxLength, tariffs: [{ ...tariff, creditTicks }] })
  const opened = 5_003n
  const world: World = { pair, creditTicks, meter: opened, amount: 0n }
  read(pair, opened)
  connect(pair)
  for (const [op, size] of ops) {
    steps[op % steps.length]?.(world, size)
    pair.gateway.verdicts.splice(0, Math.max(0, pair.gateway.verdicts.length - 200))
    check(world, opened)
  }
  finish(world)
  check(world, opened)
}

/** The network heals: everything whole that was metered is paid. */
function finish({ pair, meter }: World): void {
  const { mandate } = pair.gateway
  if (mandate) {
    const expiry = pair.gateway.nowSeconds + 100_000
    pair.gateway.mandate = { ...mandate, sequence: mandate.sequence + 1, expiry }
  }
  connect(pair)
  read(pair, meter)
  for (let i = 0; i < 20; i++) {
    settle(pair)
    pass(pair, 6_000)
  }
  settle(pair)
  expect(meter - (heldReading(pair.gateway) ?? 0n)).toBeLessThan(tariff.unitsPerTick)
}

const ops = fc.array(fc.tuple(fc.nat(steps.length - 1), fc.nat(40)), {
  minLength: 20,
  maxLength: 160,
})

test.each([
  ['short epochs and a small window', 16, 40, 60],
  ['epochs shorter than the window', 16, 3, 30],
  ['a window beyond one jump', 2_000, 3_000, 20],
])('an honest payer and its gateway agree: %s', (_name, creditTicks, maxLength, numRuns) => {
  fc.assert(
    fc.property(ops, (list) => run(list, creditTicks, maxLength)),
    { numRuns },
  )
})

test('everything consumed in many short epochs is paid exactly once', () => {
  const pair = makePair({ maxLength: 7 })
  const world: World = { pair, creditTicks: 16, meter: 0n, amount: 0n }
  read(pair, 0n)
  connect(pair)
  settle(pair)
  for (let i = 0; i < 400; i++) {
    consume(world, 33n)
    settle(pair)
  }
  expect(world.meter).toBe(400n * 33n)
  for (const fault of faults) expect(pair.gateway.verdicts).not.toContain(fault)
  const { held } = pair.gateway
  if (!held) throw new Error('the channel was opened')
  expect(readingAt(held.commitment.value, held.index)).toBe((world.meter / 10n) * 10n)
  expect(amountAt(held.commitment.value, held.index)).toBe((world.meter / 10n) * 2_500n)
})
