/**
 * Whatever happens in whatever order: what was acknowledged survives, and state is the fold of the
 * journal.
 */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { recoveredText, stateOf } from '../../support/gatewayState.ts'
import type { WalkStep } from '../../support/gatewayWalk.ts'
import { startWalk } from '../../support/gatewayWalk.ts'

const who = fc.nat(1)
const slot = fc.nat(1)
const fixed = <const K extends string>(kind: K) => fc.constant(kind)

const step: fc.Arbitrary<WalkStep> = fc.oneof(
  { weight: 8, arbitrary: fc.record({ kind: fixed('tick'), who, slot, by: fc.nat(60) }) },
  { weight: 4, arbitrary: fc.record({ kind: fixed('renew'), who, slot }) },
  { weight: 2, arbitrary: fc.record({ kind: fixed('checkpoint'), who, slot, gap: fc.nat(9) }) },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fixed('mandate'),
      who,
      slot,
      limit: fc.integer({ min: 1, max: 900_000 }),
    }),
  },
  fc.record({ kind: fc.constantFrom('pause', 'resume', 'replace'), who }),
  fc.record({ kind: fixed('close'), who, slot }),
  { weight: 3, arbitrary: fc.record({ kind: fc.constantFrom('settle', 'snapshot', 'stop') }) },
  fc.record({ kind: fixed('wait'), hours: fc.integer({ min: 1, max: 100 }) }),
  {
    weight: 4,
    arbitrary: fc.record({ kind: fixed('crash'), held: fc.boolean(), who, torn: fc.nat(300) }),
  },
)

// T54
test('what was acknowledged survives every crash; state is the fold of the journal', async () => {
  const walks = fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 25 }), async (steps) => {
    const { scene, run, lost } = await startWalk()
    const { world } = scene
    for (const one of steps) {
      await run(one)
      expect(lost()).toEqual([])
    }
    await scene.call('settle')
    const live = stateOf(world)
    expect(await recoveredText(world, 'journal alone')).toBe(live)
    expect(await recoveredText(world, 'snapshot and tail')).toBe(live)
    const { core } = world.gateway
    for (const { id, reserved } of core.state.allocations) {
      expect(reserved <= core.funds.available(id)).toBe(true)
    }
    expect(world.ledger.audit()).toEqual([])
    expect(world.fatal).toEqual([])
  })
  await fc.assert(walks, { numRuns: Number(process.env['RUNS'] ?? 15), endOnFailure: true })
}, 120_000)
