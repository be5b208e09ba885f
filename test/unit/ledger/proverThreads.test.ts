import { afterAll, describe, expect, it } from 'vitest'
import { fastSha256 } from '../../../ledger/io/fastSha256.ts'
import { fastVerify } from '../../../ledger/io/fastVerify.ts'
import type * as OpenProver from '../../../ledger/io/openProver.ts'
import { openProver } from '../../../ledger/io/openProver.ts'
import { createRememberingVerify } from '../../../ledger/io/rememberingVerify.ts'
import type { ProofTask } from '../../../ledger/rules/proofTasks.ts'
import { stepBack, stepBlock } from '../../../protocol/chain.ts'
import type { Algorithm } from '../../../protocol/keys.ts'
import { publicKeyOf, signDigest } from '../../../protocol/keys.ts'
import { keyOf, seedOf } from './world.ts'

/** Threads run what `npm run build` made: from its source a thread may not start at all. */
const built: typeof OpenProver = await import(
  new URL('../../../dist/ledger/io/openProver.js', import.meta.url).href
)

const bind = seedOf(5).slice(16)

function wordTask(index: number): ProofTask {
  const word = seedOf(index)
  const earlier = stepBack(stepBlock(bind), word, index, index, fastSha256)
  return { kind: 'word', bind, word, index, earlier, earlierIndex: 0 }
}

function signatureTask(number: number, algorithm: Algorithm = 'p256'): ProofTask {
  const key = keyOf(number, algorithm)
  const digest = seedOf(number)
  const signature = signDigest(key, digest)
  return { kind: 'signature', key: publicKeyOf(key), digest, signature }
}

/** Enough work for a thread: long words, signatures of every kind, and one of each that is bad. */
function work() {
  const good = [
    ...Array.from({ length: 20 }, (_, number) => signatureTask(number + 1)),
    ...[signatureTask(1, 'ed25519'), signatureTask(1, 'secp256k1')],
    ...[wordTask(3_000), wordTask(2_999)],
  ]
  const bad: readonly ProofTask[] = [
    { ...signatureTask(30), digest: seedOf(1) } as ProofTask,
    { ...wordTask(500), index: 501 } as ProofTask,
    { ...signatureTask(31), signature: new Uint8Array(63) } as ProofTask,
  ]
  const tasks = [...good.slice(0, 10), ...bad, ...good.slice(10)]
  return { tasks, expected: tasks.map((task) => !bad.includes(task)) }
}

const memory = createRememberingVerify(fastVerify)
const prover = built.openProver(memory, 2)
afterAll(prover.close)

describe('threads that prove ahead', () => {
  it('prove what is true, and nothing else, in whatever order they are asked', async () => {
    const { tasks, expected } = work()
    const asked = [tasks, tasks.toReversed(), tasks.slice(3)]
    const answers = await Promise.all(asked.map((one) => prover.prove(one)))
    expect(answers).toEqual([expected, expected.toReversed(), expected.slice(3)])
  })

  it('leave in the memory of the process what they verified, and nothing else', async () => {
    const { tasks, expected } = work()
    await prover.prove(tasks)
    for (const [place, task] of tasks.entries()) {
      if (task.kind !== 'signature') continue
      expect(memory.knows(task.key, task.digest, task.signature)).toBe(expected[place])
    }
  })

  it('prove nothing once they are gone, and nobody waits for them', async () => {
    const own = built.openProver(createRememberingVerify(fastVerify), 1)
    const { tasks, expected } = work()
    expect(await own.prove(tasks)).toEqual(expected)
    await own.close()
    expect(await own.prove(tasks.filter(({ kind }) => kind === 'word'))).not.toContain(true)
  })

  it('say no more than that nothing is proved where they cannot start', async () => {
    const { tasks, expected } = work()
    const own = openProver(createRememberingVerify(fastVerify), 1)
    const answers = await own.prove(tasks)
    expect(answers.filter((answer, place) => answer && !expected[place])).toEqual([])
    await own.close()
  })
})
