import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { openEmbeddedLedger } from '../../../ledger/embedded/embeddedLedger.ts'
import { fastSha256 } from '../../../ledger/io/fastSha256.ts'
import { fastVerify } from '../../../ledger/io/fastVerify.ts'
import { decodeTasks, encodeTasks, isRecordable } from '../../../ledger/io/proofRecords.ts'
import { proveRecords } from '../../../ledger/io/proofThread.ts'
import { createRememberingVerify } from '../../../ledger/io/rememberingVerify.ts'
import type { Claim } from '../../../ledger/ledger.ts'
import { digesterOf } from '../../../ledger/rules/digests.ts'
import type { ProofTask, Prover } from '../../../ledger/rules/proofTasks.ts'
import { withProvedWords } from '../../../ledger/rules/proofTasks.ts'
import type { Verify } from '../../../protocol/keys.ts'
import { publicKeyOf, signDigest } from '../../../protocol/keys.ts'
import { memoryKeyValue } from '../../support/memoryKeyValue.ts'
import { virtualTime } from '../../support/virtualTime.ts'
import { allocationTerms, deviceOf, keyOf, START_SECONDS, seedOf } from './world.ts'

/** What a thread does, in this thread. */
function proverWith(memory: ReturnType<typeof createRememberingVerify>): Prover {
  return async (tasks) => {
    const proved = proveRecords(encodeTasks(tasks), fastVerify)
    return tasks.map((task, place) => {
      const isProved = proved[place] === 1
      if (isProved && task.kind === 'signature') {
        memory.remember(task.key, task.digest, task.signature)
      }
      return isProved
    })
  }
}

async function ledgerWith(verify: Verify, prover?: Prover, sha256 = fastSha256) {
  const ledger = await openEmbeddedLedger({
    ...{ store: memoryKeyValue(), clock: virtualTime(START_SECONDS * 1_000).clock },
    ...{ timers: { soon: queueMicrotask }, random: { bytes: () => seedOf(77) } },
    ...{ verify, sha256, place: 'memory', ...(prover ? { prover } : {}) },
  })
  const { id } = await ledger.openAllocation(allocationTerms)
  const allocation = await ledger.fund(id, 2_000n, 'd')
  return { ledger, device: (number: number) => deviceOf(ledger.domain, allocation, number) }
}

const forgers = ['none', 'word', 'commitment', 'mandate', 'stranger', 'index', 'terms'] as const
const plans = fc.array(
  fc.record({
    device: fc.integer({ min: 1, max: 3 }),
    index: fc.integer({ min: 0, max: 100 }),
    forgery: fc.constantFrom(...forgers),
  }),
  { minLength: 1, maxLength: 8 },
)
type Plan = { readonly device: number; readonly index: number; readonly forgery: string }

async function worldClaims() {
  const { device } = await ledgerWith(fastVerify)
  const epochs = [1, 2, 3].map((number) => device(number).commit())
  const mandates = [1, 2, 3].map((number) => device(number).signMandate({}, keyOf(1)))
  return ({ device: number, index, forgery }: Plan): Claim => {
    const claim = epochs[number - 1]?.claim(index)
    const mandate = mandates[number - 1]
    if (!claim || !mandate) throw new Error('there are three devices')
    const { commitment } = claim
    switch (forgery) {
      case 'word':
        return { ...claim, word: seedOf(index) }
      case 'commitment':
        return { ...claim, commitment: { ...commitment, signature: claim.mandate.signature } }
      case 'mandate':
        return { ...claim, mandate }
      case 'stranger':
        return { ...claim, channel: { ...claim.channel, payerKey: publicKeyOf(keyOf(9)).bytes } }
      case 'index':
        return { ...claim, index: index + 1 }
      case 'terms':
        return { ...claim, commitment: { ...commitment, value: { ...commitment.value, base: 1n } } }
      default:
        return claim
    }
  }
}

describe('a ledger whose claims are proved ahead', () => {
  it('comes to the results of one that does everything itself', async () => {
    const claimOf = await worldClaims()
    await fc.assert(
      fc.asyncProperty(plans, plans, async (first, second) => {
        const memory = createRememberingVerify(fastVerify, 64)
        const [plain, ahead] = await Promise.all([
          ledgerWith(fastVerify),
          ledgerWith(memory.verify, proverWith(memory)),
        ])
        for (const [number, plan] of [first, second, first].entries()) {
          const claims = plan.map(claimOf)
          const expected = await plain.ledger.submit(claims, `k${number}`)
          expect(await ahead.ledger.submit(claims, `k${number}`)).toEqual(expected)
        }
        expect(ahead.ledger.balance()).toEqual(plain.ledger.balance())
        expect(ahead.ledger.audit()).toEqual([])
      }),
      { numRuns: 25 },
    )
  })

  it('does everything itself when nothing is proved', async () => {
    const { ledger, device } = await ledgerWith(fastVerify, async (tasks) => tasks.map(() => false))
    const { claim } = device(1).commit()
    expect(await ledger.submit([claim(7)], 'k')).toMatchObject([{ paid: 70n }])
    const forged = { ...device(2).commit().claim(3), word: seedOf(1) }
    expect(await ledger.submit([forged], 'k2')).toMatchObject([{ reason: 'bad_word' }])
  })

  it('asks for nothing where a claim is refused before its signatures', async () => {
    const asked: ProofTask[] = []
    const { ledger, device } = await ledgerWith(fastVerify, async (tasks) => {
      asked.push(...tasks)
      return tasks.map(() => false)
    })
    const { channel, ...rest } = device(1).commit().claim(3)
    const stranger = { ...rest, channel: { ...channel, fleet: 'other' } }
    expect(await ledger.submit([stranger], 'k')).toMatchObject([{ reason: 'wrong_terms' }])
    expect(asked).toEqual([])
  })

  it('hashes no step of a word that was proved', async () => {
    const memory = createRememberingVerify(fastVerify)
    let steps = 0
    const { ledger, device } = await ledgerWith(memory.verify, proverWith(memory), (bytes) => {
      steps += bytes.length === 55 ? 1 : 0
      return fastSha256(bytes)
    })
    const { claim } = device(1).commit()
    expect(await ledger.submit([claim(80)], 'k')).toMatchObject([{ paid: 800n }])
    expect(steps).toBe(0)
  })
})

describe('a word that was proved', () => {
  const walk = [seedOf(1).slice(16), seedOf(2), 9, seedOf(3), 4] as const
  const [bind, word, index, earlier, earlierIndex] = walk
  const task = { kind: 'word', bind, word, index, earlier, earlierIndex } as const
  const { leadsTo } = withProvedWords(
    {
      digester: digesterOf({ chainId: 0n, verifyingContract: new Uint8Array(20) }),
      ...{ verify: fastVerify, hash: fastSha256 },
    },
    [task],
  )

  it('is known by its chain, both words and both places together', () => {
    expect(leadsTo?.(...walk)).toBe(true)
    expect(leadsTo?.(seedOf(4).slice(16), word, index, earlier, earlierIndex)).toBe(false)
    expect(leadsTo?.(bind, seedOf(4), index, earlier, earlierIndex)).toBe(false)
    expect(leadsTo?.(bind, word, 10, earlier, earlierIndex)).toBe(false)
    expect(leadsTo?.(bind, word, index, seedOf(4), earlierIndex)).toBe(false)
    expect(leadsTo?.(bind, word, index, earlier, 5)).toBe(false)
  })
})

describe('records of tasks', () => {
  const key = keyOf(1)
  const signature: ProofTask = {
    ...{ kind: 'signature', key: publicKeyOf(key), digest: seedOf(1) },
    signature: signDigest(key, seedOf(1)),
  }
  const edwards: ProofTask = { ...signature, key: publicKeyOf(keyOf(2, 'ed25519')) }
  const word: ProofTask = {
    ...{ kind: 'word', bind: seedOf(1).slice(16), word: seedOf(2), index: 0xffff_ffff },
    ...{ earlier: seedOf(3), earlierIndex: 65_535 },
  }

  it('come back as they went in', () => {
    const tasks = [signature, word, edwards]
    expect(decodeTasks(encodeTasks(tasks))).toEqual(tasks)
  })

  it('are not made of parts with other lengths', () => {
    expect([signature, edwards, word].every(isRecordable)).toBe(true)
    const odd: readonly ProofTask[] = [
      { ...signature, digest: new Uint8Array(31) },
      { ...signature, signature: new Uint8Array(65) },
      { ...signature, key: { algorithm: 'p256', bytes: new Uint8Array(65) } },
      { ...word, word: new Uint8Array(31) },
      { ...word, bind: new Uint8Array(17) },
    ]
    expect(odd.some(isRecordable)).toBe(false)
  })

  it('say no to a word that would have to lead forward', () => {
    const forward: ProofTask = { ...word, index: 3, earlierIndex: 4 }
    expect([...proveRecords(encodeTasks([forward]), fastVerify)]).toEqual([0])
  })
})
