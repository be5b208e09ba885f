/**
 * The real gateway, killed or refused by its disk at single system calls of a group commit, a
 * settlement and a backup: nothing acknowledged is lost, nothing is doubled, and when its disk has
 * failed it stops and says so. `npm run faults` does so at all of them, here it is some of each.
 */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { diceFrom } from '../../firmware-sim/dice.ts'
import { OPERATIONS, type Operation, type Place, placesOf, runFault } from '../support/faultRuns.ts'
import { type FaultSite, faultSite } from '../support/faultSite.ts'
import { type Fault, whyStraceIsMissing } from '../support/strace.ts'

if (whyStraceIsMissing !== undefined) process.stderr.write(`NOT RUN: ${whyStraceIsMissing}\n`)

/** Every call of every operation, instead of a few. */
const isComplete = process.env['FAULTS_ALL'] === 'yes'
/** Faults that an interrupted run has told of. */
const done = Number(process.env['FAULTS_DONE'] ?? 0)
const seed = Number(process.env['FAULTS_SEED'] ?? Math.floor(Math.random() * 1_000_000))
/** Places of each operation where it is not all of them. */
const PLACES = 2
const RUN_LIMIT_MS = 60_000

type Case = { readonly place: Place; readonly fault: Fault }

let site: FaultSite

beforeAll(async () => {
  site = await faultSite()
})

afterAll(() => site?.remove())

async function casesOf(operation: Operation): Promise<readonly Case[]> {
  const all = await placesOf(site, operation)
  const dice = diceFrom(seed)
  const some = Array.from({ length: PLACES }, () => all[dice.between(0, all.length - 1)])
  const places = isComplete ? all : some.filter((one) => one !== undefined)
  return places.flatMap((place) => [
    { place, fault: 'kill' as const },
    { place, fault: 'EIO' as const },
  ])
}

async function rowOf({ place, fault }: Case): Promise<{ row: string; faults: readonly string[] }> {
  const { operation, syscall, path, count } = place
  const { told, faults } = await runFault(site, place, fault)
  const verdict = faults.length === 0 ? 'holds' : `BROKEN: ${faults.join('; ')}`
  return {
    row: `${operation} | ${fault} | ${syscall} ${count} | ${path} | ${told} | ${verdict}`,
    faults,
  }
}

describe.skipIf(whyStraceIsMissing !== undefined)(`faults at system calls, seed ${seed}`, () => {
  test.runIf(isComplete)(
    'all of them',
    async () => {
      const cases: Case[] = []
      for (const operation of OPERATIONS) cases.push(...(await casesOf(operation)))
      const broken: string[] = []
      for (const [at, one] of cases.entries()) {
        if (at < done) continue
        const { row, faults } = await rowOf(one)
        if (faults.length > 0) broken.push(row)
        process.stdout.write(`${at + 1}/${cases.length} | ${row}\n`)
      }
      expect(broken).toEqual([])
    },
    200 * RUN_LIMIT_MS,
  )

  test.skipIf(isComplete).each(OPERATIONS)(
    '(!) a %s survives death and a failing disk',
    async (operation) => {
      for (const one of await casesOf(operation)) {
        const { row, faults } = await rowOf(one)
        expect({ row, faults }).toEqual({ row, faults: [] })
      }
    },
    3 * RUN_LIMIT_MS,
  )
})
