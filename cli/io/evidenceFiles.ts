/**
 * Files of evidence: written once, and read as strictly as the wire.
 * @module
 */
import { open, readFile, stat } from 'node:fs/promises'
import type { EvidenceBundle } from '../../ledger/rules/evidenceBundle.ts'
import { EVIDENCE_BYTES_MAX, parseEvidence } from '../../ledger/rules/evidenceBundle.ts'
import { OperatorError } from '../../ports/operatorError.ts'

/** @throws OperatorError when there is a file already */
export async function writeEvidence(path: string, text: string): Promise<void> {
  try {
    const file = await open(path, 'wx', 0o600)
    try {
      await file.writeFile(text)
      await file.sync()
    } finally {
      await file.close()
    }
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : String(error)
    throw new OperatorError(`cannot write ${path} (${code}): choose another file`)
  }
}

/** @throws OperatorError for anything that is no bundle */
export async function readEvidence(path: string): Promise<EvidenceBundle> {
  const size = await stat(path).then(
    (found) => found.size,
    () => undefined,
  )
  if (size === undefined) throw new OperatorError(`cannot read ${path}: check the path`)
  const text = size <= EVIDENCE_BYTES_MAX ? await readFile(path, 'utf8') : ''
  const bundle = parseEvidence(text)
  if (bundle) return bundle
  throw new OperatorError(`${path} is no bundle of evidence, or was altered: export it again`)
}
