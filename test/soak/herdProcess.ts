/**
 * A herd as a process that can be killed and started again on the same folders.
 * @module
 */
import { type ChildProcess, fork } from 'node:child_process'
import type { HerdAnswer, HerdCommand, HerdDevice, HerdQuestion, HerdView } from './herdMessages.ts'

export type Herd = {
  readonly pid: () => number
  readonly start: () => Promise<void>
  /** kill -9: all its agents and meters lose power at once. */
  readonly kill: () => Promise<void>
  /** Undefined while it is dead. */
  readonly ask: (command: HerdCommand) => Promise<HerdView | undefined>
  /** Blocks that its agents wrote over all lives, as far as they were seen. */
  readonly written: () => { readonly bytes: number; readonly writes: number }
}

export function herdProcess(file: string, folder: string, devices: readonly HerdDevice[]): Herd {
  let child: ChildProcess | undefined
  let lastId = 0
  const waiting = new Map<number, (answer: HerdAnswer | undefined) => void>()
  const earlier = { bytes: 0, writes: 0 }
  let now = { bytes: 0, writes: 0 }

  const ask: Herd['ask'] = async (command) => {
    if (child === undefined) return undefined
    const id = ++lastId
    const question: HerdQuestion = { id, command }
    const answer = await new Promise<HerdAnswer | undefined>((resolve) => {
      waiting.set(id, resolve)
      child?.send(question)
    })
    if (answer?.error !== undefined) throw new Error(answer.error)
    const view = answer?.view
    if (view) now = { bytes: view.writtenBytes, writes: view.writes }
    return view
  }

  const ended = () => {
    child = undefined
    earlier.bytes += now.bytes
    earlier.writes += now.writes
    now = { bytes: 0, writes: 0 }
    for (const resolve of waiting.values()) resolve(undefined)
    waiting.clear()
  }

  return {
    pid: () => child?.pid ?? 0,
    start: async () => {
      const own = fork(file, [], { serialization: 'advanced' })
      child = own
      own.on('message', (answer: HerdAnswer) => {
        waiting.get(answer.id)?.(answer)
        waiting.delete(answer.id)
      })
      own.once('exit', () => {
        if (child === own) ended()
      })
      await ask({ do: 'start', folder, devices })
    },
    kill: async () => {
      const own = child
      if (own === undefined) return
      const gone = new Promise((resolve) => own.once('exit', resolve))
      own.kill('SIGKILL')
      await gone
    },
    ask,
    written: () => ({ bytes: earlier.bytes + now.bytes, writes: earlier.writes + now.writes }),
  }
}
