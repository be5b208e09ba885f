/**
 * What a thread of the prover does: it answers each batch of records with a byte for every task.
 * Loaded as a thread it starts to serve; loaded by the program it only tells where it is.
 * @module
 */
import { isMainThread, parentPort, workerData } from 'node:worker_threads'
import { createWordCheck, to32Bit } from '../../protocol/chain.ts'
import type { Verify } from '../../protocol/keys.ts'
import { PROVER_KEY_OBJECTS_MAX } from '../limits.ts'
import type { ProofTask, WordTask } from '../rules/proofTasks.ts'
import { fastStepHash } from './fastSha256.ts'
import { createFastVerify } from './fastVerify.ts'
import { decodeTasks } from './proofRecords.ts'

export const proofThread = { file: new URL(import.meta.url), name: 'tickpay proofs' } as const

export type ProofRequest = { readonly number: number; readonly records: Uint8Array }
/** 1 for each task that is proved. */
export type ProofAnswer = { readonly number: number; readonly proved: Uint8Array }

const leadsTo = createWordCheck(fastStepHash)

/** The answers to a batch of records. */
export function proveRecords(records: Uint8Array, verify: Verify): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(decodeTasks(records), (task) => (isTrue(task, verify) ? 1 : 0))
}

function isTrue(task: ProofTask, verify: Verify): boolean {
  if (task.kind === 'word') return isWordTrue(task)
  return verify(task.key, task.digest, task.signature)
}

/** Walks from a word to an earlier one, here and now: 0.3 us a step. */
export function isWordTrue(task: WordTask): boolean {
  const { bind, word, index, earlier, earlierIndex } = task
  if (earlierIndex >= index) return false
  const shown = { bytes: word, at: 0, index }
  return leadsTo(to32Bit(bind), 0, shown, to32Bit(earlier), 0, earlierIndex)
}

if (!isMainThread && workerData === proofThread.name) {
  const verify = createFastVerify(PROVER_KEY_OBJECTS_MAX)
  parentPort?.on('message', ({ number, records }: ProofRequest) => {
    const proved = proveRecords(records, verify)
    parentPort?.postMessage({ number, proved } satisfies ProofAnswer, [proved.buffer])
  })
}
