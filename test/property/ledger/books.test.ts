/**
 * Random lives of a ledger against a model that knows only the rule: a channel is paid the highest
 * amount that was proved for it.
 */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { EmbeddedLedger } from '../../../ledger/embedded/embeddedLedger.ts'
import type { Claim } from '../../../ledger/ledger.ts'
import { amountAt } from '../../../protocol/channel.ts'
import { RENEWAL } from '../../../protocol/structures.ts'
import { allocationTerms, deviceOf, ledgerWorld } from '../../unit/ledger/world.ts'

const DEVICES = 4
const EPOCHS = 3

/** A ledger and every epoch of every device, signed once for all runs. */
async function prepare() {
  const world = ledgerWorld()
  const ledger = await world.open()
  const { id } = await ledger.openAllocation(allocationTerms)
  const allocation = await ledger.fund(id, 1n, 'first')
  const epochs = Array.from({ length: DEVICES }, (_, number) => {
    const device = deviceOf(ledger.domain, allocation, number)
    return Array.from({ length: EPOCHS }, (_, epoch) =>
      device.commit({
        epoch: epoch + 1,
        base: BigInt(epoch) * 70n,
        pricePerTick: BigInt(7 + epoch),
        length: 20,
        ...(epoch === 2 ? { kind: RENEWAL } : {}),
      }),
    )
  })
  const image = [...world.store.range(new Uint8Array([0]), new Uint8Array([0xff]))]
  return { id, epochs, image }
}

const prepared = prepare()

/** The same ledger again, as it was after the preparation. */
async function reopened() {
  const world = ledgerWorld()
  const { image, ...rest } = await prepared
  await world.store.write(image)
  return { ...world, ...rest, ledger: await world.open() }
}

type ClaimSpec = {
  readonly device: number
  readonly epoch: number
  readonly index: number
  readonly forged: boolean
}
const claimSpec: fc.Arbitrary<ClaimSpec> = fc.record({
  device: fc.nat(DEVICES - 1),
  epoch: fc.nat(EPOCHS - 1),
  index: fc.nat(20),
  forged: fc.boolean().map((one) => one),
})

const worthNothing = ({ epoch, index, forged }: ClaimSpec) => forged || (epoch === 2 && index === 0)

async function claimOf(spec: ClaimSpec): Promise<Claim> {
  const { epochs } = await prepared
  const one = epochs[spec.device]?.[spec.epoch]
  if (!one) throw new Error('no such epoch')
  const claim = one.claim(spec.index)
  return spec.forged ? { ...claim, word: claim.word.map((byte) => byte ^ 1) } : claim
}

async function worthOf(spec: ClaimSpec): Promise<bigint> {
  if (worthNothing(spec)) return 0n
  return amountAt((await claimOf(spec)).commitment.value, spec.index)
}

function booksOf(ledger: EmbeddedLedger, id: Uint8Array) {
  return {
    balances: ledger.balance(),
    channels: [...ledger.channelsPaid(id)].map(({ position, paid }) => [position, paid]),
  }
}

type Step =
  | { readonly do: 'submit'; readonly claims: readonly ClaimSpec[]; readonly key: number }
  | { readonly do: 'fund'; readonly amount: bigint }
  | { readonly do: 'withdraw'; readonly amount: bigint }
  | { readonly do: 'wait'; readonly days: number }
  | { readonly do: 'crash' }

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({
      do: fc.constant('submit' as const),
      claims: fc.array(claimSpec, { maxLength: 8 }),
      key: fc.nat(5),
    }),
  },
  fc.record({ do: fc.constant('fund' as const), amount: fc.bigInt(1n, 900n) }),
  fc.record({ do: fc.constant('withdraw' as const), amount: fc.bigInt(1n, 300n) }),
  fc.record({ do: fc.constant('wait' as const), days: fc.nat(3) }),
  fc.record({ do: fc.constant('crash' as const) }),
)

type Run = Awaited<ReturnType<typeof reopened>>

/** What the books must come to, from nothing but the steps and their answers. */
type Model = {
  funded: bigint
  withdrawn: bigint
  readonly proved: Map<number, bigint>
  readonly waiting: string[]
}

async function act(run: Run, model: Model, one: Step, number: number): Promise<Run> {
  const { ledger, id } = run
  if (one.do === 'submit') await submit(run, model, one.claims, one.key)
  if (one.do === 'fund') {
    await ledger.fund(id, one.amount, `fund-${number}`)
    model.funded += one.amount
  }
  if (one.do === 'withdraw') {
    const asked = ledger.requestWithdrawal(id, one.amount, `out-${number}`)
    await asked.then(() => model.waiting.push(`out-${number}`)).catch(() => {})
  }
  if (one.do === 'wait') {
    await run.time.advance(one.days * 86_400_000)
    for (const reference of model.waiting.splice(0)) {
      const came = await ledger.completeWithdrawal(id, reference).catch(() => undefined)
      if (came === undefined) model.waiting.push(reference)
      else model.withdrawn += came
    }
  }
  if (one.do !== 'crash') return run
  run.store.crash()
  return { ...run, ledger: await run.open() }
}

async function submit(run: Run, model: Model, specs: readonly ClaimSpec[], key: number) {
  const results = await run.ledger.submit(await Promise.all(specs.map(claimOf)), `key-${key}`)
  for (const [place, spec] of specs.entries()) {
    const result = results[place]
    const worth = await worthOf(spec)
    const before = model.proved.get(spec.device) ?? 0n
    if (result?.status !== 'refused' && worth > before) model.proved.set(spec.device, worth)
    if (worthNothing(spec)) expect(result?.status).toBe('refused')
    else expect(result?.reason ?? 'no_funds').toMatch(/no_funds|mandate_expired/)
  }
}

async function check({ ledger, id }: Run, model: Model): Promise<void> {
  const state = await ledger.allocation(id)
  const proved = [...model.proved.values()].reduce((sum, one) => sum + one, 0n)
  expect(state?.paid).toBe(proved)
  expect(state?.setAside).toBe(model.funded - model.withdrawn)
  expect(state?.fee).toBe((proved * 100n) / 10_000n)
  for (const { position, paid } of ledger.channelsPaid(id)) {
    expect(paid).toBe(model.proved.get(position))
  }
  const fleet = ledger.balance('fleet:acme')[0]?.amount ?? 0n
  const payee = ledger.balance().find(({ account }) => account.startsWith('payee:'))?.amount ?? 0n
  expect(fleet).toBe(model.withdrawn)
  expect(payee).toBe(proved - (state?.fee ?? 0n))
  expect(ledger.sum()).toBe('0')
  expect(ledger.audit()).toEqual([])
}

describe('the books', () => {
  it('come to the highest amounts proved, whatever happened', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 25 }), async (steps) => {
        let run = await reopened()
        const model: Model = { funded: 1n, withdrawn: 0n, proved: new Map(), waiting: [] }
        for (const [number, one] of steps.entries()) {
          run = await act(run, model, one, number)
          await check(run, model)
        }
      }),
      { numRuns: 60 },
    )
  })

  it('are the same for every order, repetition and division of the same claims', async () => {
    const cut = fc.record({
      claims: fc.array(claimSpec, { minLength: 1, maxLength: 20 }),
      order: fc.array(fc.nat(19), { maxLength: 40 }),
      size: fc.integer({ min: 1, max: 8 }),
      crashEvery: fc.integer({ min: 1, max: 4 }),
    })
    await fc.assert(
      fc.asyncProperty(cut, async ({ claims, order, size, crashEvery }) => {
        const whole = await reopened()
        await whole.ledger.fund(whole.id, 10_000n, 'plenty')
        await whole.ledger.submit(await Promise.all(claims.map(claimOf)), 'whole')

        let parts = await reopened()
        await parts.ledger.fund(parts.id, 10_000n, 'plenty')
        const shuffled = order.flatMap((place) => claims[place % claims.length] ?? [])
        const all = await Promise.all([...shuffled, ...claims, ...shuffled].map(claimOf))
        for (let at = 0, round = 0; at < all.length; at += size, round++) {
          await parts.ledger.submit(all.slice(at, at + size), `part-${round % 3}`)
          if (round % crashEvery === 0) {
            parts.store.crash()
            parts = { ...parts, ledger: await parts.open() }
          }
        }
        expect(booksOf(parts.ledger, parts.id)).toEqual(booksOf(whole.ledger, whole.id))
        expect(parts.ledger.audit()).toEqual([])
      }),
      { numRuns: 40 },
    )
  })
})
