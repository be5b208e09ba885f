/**
 * Where something may be served in plaintext: on this machine, or where the operator has said in
 * words what that means.
 * @module
 */
import * as v from 'valibot'
import { isLoopback } from '../ports/loopback.ts'

/** Nobody writes this without having read it. */
export const PLAINTEXT_CONSENT = 'i-understand-that-anyone-can-read-and-change-this'

export const plaintextConsentValue = v.optional(v.literal(PLAINTEXT_CONSENT, PLAINTEXT_CONSENT))

type Place = { readonly host: string; readonly plaintextOnNetwork?: string | undefined }

/** False where anybody between could read and change what is said. */
export function mayBePlain({ host, plaintextOnNetwork }: Place): boolean {
  return isLoopback(host) || plaintextOnNetwork !== undefined
}
