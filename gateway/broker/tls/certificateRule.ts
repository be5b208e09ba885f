/**
 * Who may log in with which certificate. Decided before the login itself is looked at, and so
 * before any session is taken over.
 * @module
 */
import { clientIdOf } from '../../../protocol/connect.ts'
import { FLEET_ITSELF } from '../../../protocol/ids.ts'
import type { PeerCertificate } from '../broker.ts'

export type CertificateRefusal = 'no_certificate' | 'wrong_certificate'

/**
 * A device shows the certificate of its very name, `fleet/device`; a fleet that of `fleet/_`. A
 * person's tool, `name@fleet`, shows its fleet's or, where the listener allows it, none.
 */
export function refuseCertificate(
  username: string,
  certificate: PeerCertificate | undefined,
): CertificateRefusal | undefined {
  if (!certificate) return undefined
  const at = username.indexOf('@')
  if (certificate.name === undefined) return at < 0 ? 'no_certificate' : undefined
  const needed = at < 0 ? username : clientIdOf(username.slice(at + 1), FLEET_ITSELF)
  return certificate.name === needed ? undefined : 'wrong_certificate'
}
