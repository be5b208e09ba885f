/**
 * Proves ahead in threads, so that ticks go on while ten thousand claims are checked. A thread is
 * started when there is work for it. One that cannot start or dies answers nothing any more, and
 * the ledger does the work itself.
 * @module
 */
import { availableParallelism } from 'node:os'
import { Worker } from 'node:worker_threads'
import { PROVER_THREADS_MAX, PROVER_WORK_HASHES_MIN, SIGNATURE_COST_HASHES } from '../limits.ts'
import type { ProofTask, Prover } from '../rules/proofTasks.ts'
import { encodeTasks, isRecordable } from './proofRecords.ts'
import { isWordTrue, type ProofAnswer, proofThread } from './proofThread.ts'
import type { RememberingVerify } from './rememberingVerify.ts'

/** Far more than the batches and keys of a thread take. */
const THREAD_HEAP_MB = 96

export type OpenProver = {
  readonly prove: Prover
  readonly close: () => Promise<void>
}

/** What threads have verified is remembered in `memory`, and what is there is not verified. */
export function openProver(
  memory: RememberingVerify,
  threadsMax: number = Math.min(availableParallelism(), PROVER_THREADS_MAX),
): OpenProver {
  const threads: Thread[] = []
  const free = () => {
    const least = threads.toSorted((a, b) => a.waiting() - b.waiting())[0]
    if (least && (least.waiting() === 0 || threads.length >= threadsMax)) return least
    const thread = openThread()
    threads.push(thread)
    return thread
  }
  const prove: Prover = async (tasks) => {
    const known = tasks.map(
      (task) => task.kind === 'signature' && memory.knows(task.key, task.digest, task.signature),
    )
    const open = tasks.filter((task, place) => !known[place] && isRecordable(task))
    if (workOf(open) < PROVER_WORK_HASHES_MIN) {
      return tasks.map((task, place) => known[place] === true || isProvedHere(task))
    }
    const answers = await free().ask(open)
    const proved = new Set(open.filter((_, place) => answers?.[place] === 1))
    for (const task of proved) {
      if (task.kind === 'signature') memory.remember(task.key, task.digest, task.signature)
    }
    return tasks.map((task, place) => known[place] === true || proved.has(task))
  }
  return {
    prove,
    close: async () => {
      await Promise.all(threads.map(({ end }) => end()))
    },
  }
}

/** Short walks are over before a thread would know of them. */
function isProvedHere(task: ProofTask): boolean {
  return task.kind === 'word' && isRecordable(task) && isWordTrue(task)
}

function workOf(tasks: readonly ProofTask[]): number {
  return tasks.reduce((sum, task) => sum + costOf(task), 0)
}

function costOf(task: ProofTask): number {
  return task.kind === 'signature' ? SIGNATURE_COST_HASHES : task.index - task.earlierIndex
}

type Thread = {
  /** Undefined when the thread cannot answer. */
  readonly ask: (tasks: readonly ProofTask[]) => Promise<Uint8Array | undefined>
  readonly waiting: () => number
  readonly end: () => Promise<void>
}

function openThread(): Thread {
  const waiting = new Map<number, (proved: Uint8Array | undefined) => void>()
  const worker = new Worker(proofThread.file, {
    workerData: proofThread.name,
    resourceLimits: { maxOldGenerationSizeMb: THREAD_HEAP_MB },
  })
  let number = 0
  let isGone = false
  const answer = (one: number, proved: Uint8Array | undefined) => {
    waiting.get(one)?.(proved)
    waiting.delete(one)
    if (waiting.size === 0) worker.unref()
  }
  const giveUp = () => {
    isGone = true
    for (const one of [...waiting.keys()]) answer(one, undefined)
  }
  worker.on('message', (message: ProofAnswer) => answer(message.number, message.proved))
  worker.on('error', giveUp)
  worker.on('exit', giveUp)
  worker.unref()
  return {
    ask: (tasks) => {
      if (isGone) return Promise.resolve(undefined)
      const records = encodeTasks(tasks)
      number += 1
      worker.ref()
      worker.postMessage({ number, records }, [records.buffer])
      const own = number
      return new Promise((resolve) => waiting.set(own, resolve))
    },
    waiting: () => waiting.size,
    end: async () => {
      await worker.terminate()
    },
  }
}
