/**
 * A store that was restored says so: its ledger knows of no payment to the outside that was made
 * after the backup, so it makes none until the operator has looked.
 * @module
 */
import * as v from 'valibot'
import type { Disk } from '../../ports/index.ts'
import { OperatorError } from '../../ports/operatorError.ts'

export const RESTORED_PATH = 'restored.json'

const secondsSchema = v.pipe(v.number(), v.integer(), v.minValue(0))

const restoredSchema = v.object({
  /** When the backup was made, in seconds since 1970. */
  backupAtSeconds: secondsSchema,
  restoredAtSeconds: secondsSchema,
  /** The last journal position of the backup. */
  position: secondsSchema,
  /** When the operator confirmed the payments in between; null until then. */
  confirmedAtSeconds: v.nullable(secondsSchema),
})

export type Restored = Readonly<v.InferOutput<typeof restoredSchema>>

/** Undefined for a store that was never restored. */
export async function readRestored(disk: Disk): Promise<Restored | undefined> {
  const bytes = await disk.read(RESTORED_PATH)
  if (bytes === undefined) return undefined
  const parsed = v.safeParse(restoredSchema, parseJson(new TextDecoder().decode(bytes)))
  if (parsed.success) return parsed.output
  throw new OperatorError(`${RESTORED_PATH} of the store is damaged: restore the backup again`)
}

export function writeRestored(disk: Disk, restored: Restored): Promise<void> {
  const text = `${JSON.stringify(restored, null, 2)}\n`
  return disk.replace(RESTORED_PATH, new TextEncoder().encode(text))
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
