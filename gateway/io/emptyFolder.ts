/**
 * A folder into which a whole store is going to be written: nothing may be in it yet.
 * @module
 */
import { mkdir, readdir } from 'node:fs/promises'
import { OperatorError } from '../../ports/operatorError.ts'

/**
 * Creates `folder` where needed.
 * @throws OperatorError when it holds anything or cannot be used
 */
export async function requireEmptyFolder(folder: string): Promise<void> {
  let names: readonly string[]
  try {
    await mkdir(folder, { recursive: true, mode: 0o700 })
    names = await readdir(folder)
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : String(error)
    throw new OperatorError(
      `cannot use the folder ${folder} (${code}): choose one that this user may write`,
    )
  }
  if (names.length === 0) return
  throw new OperatorError(
    `the folder ${folder} is not empty: choose an empty one; nothing in it was changed`,
  )
}
