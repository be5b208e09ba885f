/**
 * What an authority remembers of itself and of the certificates it has signed, and what follows
 * from it: which are in force, which end soon, which authority may go.
 * @module
 */
import * as v from 'valibot'
import { FLEET_ITSELF, isId } from '../../protocol/ids.ts'

export const kinds = ['device', 'fleet', 'server'] as const
export type Kind = (typeof kinds)[number]

const authorityValue = v.strictObject({
  number: v.number(),
  commonName: v.string(),
  notAfterSeconds: v.number(),
  /** Its certificates count no more; its key is gone. */
  retired: v.boolean(),
})

const certificateValue = v.strictObject({
  /** Hex; unlike any other. */
  serial: v.string(),
  /** `fleet/device`, `fleet/_`, or what a server is called. */
  name: v.string(),
  kind: v.picklist(kinds),
  hosts: v.array(v.string()),
  /** Number of the authority that signed it. */
  authority: v.number(),
  notAfterSeconds: v.number(),
  /** For how long the next one is to be made. */
  lifeDays: v.number(),
  /** Where it was put, so that the next one replaces it. */
  file: v.string(),
  revokedSeconds: v.optional(v.number()),
})

export const recordSchema = v.strictObject({
  version: v.literal(1),
  authorities: v.array(authorityValue),
  certificates: v.array(certificateValue),
})

export type AuthorityRecord = v.InferOutput<typeof recordSchema>
export type Authority = AuthorityRecord['authorities'][number]
export type Certificate = AuthorityRecord['certificates'][number]

export const DAY_SECONDS = 86_400
/** From here on a certificate should be renewed. */
export const RENEW_DAYS = 30

/** Common name of a fleet's own certificate. */
export function fleetName(fleet: string): string {
  return `${fleet}/${FLEET_ITSELF}`
}

/** A device as people write it; undefined when it is none. */
export function parseDeviceName(text: string): string | undefined {
  const [fleet = '', device = '', ...rest] = text.split('/')
  return rest.length === 0 && isId(fleet) && isId(device) ? text : undefined
}

/** No id has a dot in it, so no two names share a file. */
export function fileNameOf({ name, kind }: Pick<Certificate, 'name' | 'kind'>): string {
  if (kind === 'server') return name
  return kind === 'fleet' ? name.slice(0, name.indexOf('/')) : name.replace('/', '.')
}

export type CertificateState = 'in force' | 'renew' | 'expired' | 'revoked' | 'replaced'

/** How it stands with the certificate at `place` of the record. */
export function stateOf(
  record: AuthorityRecord,
  place: number,
  nowSeconds: number,
): CertificateState {
  const one = record.certificates[place]
  if (!one || one.revokedSeconds !== undefined) return 'revoked'
  if (one.notAfterSeconds < nowSeconds) return 'expired'
  if (record.certificates.slice(place + 1).some(({ name }) => name === one.name)) return 'replaced'
  return one.notAfterSeconds - nowSeconds < RENEW_DAYS * DAY_SECONDS ? 'renew' : 'in force'
}

/** The certificate that `name` uses now; undefined when it has none that counts. */
export function currentOf(record: AuthorityRecord, name: string): Certificate | undefined {
  return record.certificates.findLast((one) => one.name === name && !one.revokedSeconds)
}

/** The authority that signs: the newest. */
export function signingAuthority(record: AuthorityRecord): Authority | undefined {
  return record.authorities.findLast(({ retired }) => !retired)
}

/** Names whose certificate ends soon, or was not signed by the newest authority. */
export function dueNames(record: AuthorityRecord, nowSeconds: number): readonly string[] {
  const signer = signingAuthority(record)?.number
  return namesOf(record).filter((name) => {
    const current = currentOf(record, name)
    if (!current) return false
    const isEnding = current.notAfterSeconds - nowSeconds < RENEW_DAYS * DAY_SECONDS
    return isEnding || current.authority !== signer
  })
}

/** Names that would have no certificate any more without this authority. */
export function namesOnly(
  record: AuthorityRecord,
  number: number,
  nowSeconds: number,
): readonly string[] {
  return namesOf(record).filter((name) => {
    const current = currentOf(record, name)
    return current?.authority === number && current.notAfterSeconds >= nowSeconds
  })
}

function namesOf({ certificates }: AuthorityRecord): readonly string[] {
  return [...new Set(certificates.map(({ name }) => name))]
}

/** The record with all certificates of `name` taken back. */
export function withRevoked(
  record: AuthorityRecord,
  name: string,
  nowSeconds: number,
): AuthorityRecord {
  const certificates = record.certificates.map((one) =>
    one.name === name && one.revokedSeconds === undefined
      ? { ...one, revokedSeconds: nowSeconds }
      : one,
  )
  return { ...record, certificates }
}
