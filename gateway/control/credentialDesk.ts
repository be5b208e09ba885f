/**
 * Static credentials of people's tools: made, listed and revoked by an operator, checked at login.
 * @module
 */
import * as v from 'valibot'
import { idValue } from '../../ports/configTypes.ts'
import { OperatorError } from '../../ports/operatorError.ts'
import type { Right } from '../../protocol/access.ts'
import { bytesToHex } from '../../protocol/bytes.ts'
import type { Core } from '../core.ts'
import { requireFleet } from '../enrolment.ts'
import type { CheckCredential } from '../login.ts'
import type { Verb } from './verbs.ts'
import { verb } from './verbs.ts'

/** Slow on purpose, so that a stolen store does not give the passwords away. */
export type PasswordHasher = {
  /** Parameters, salt and hash as one text. */
  readonly hash: (password: string) => Promise<string>
  readonly matches: (password: string, hashed: string) => Promise<boolean>
}

export type CredentialDesk = {
  readonly verbs: Readonly<Record<string, Verb>>
  readonly check: CheckCredential
}

type Credential = { readonly rights: readonly Right[]; readonly hashed: string }

const PASSWORD_BYTES = 18
const CREDENTIALS_MAX = 1_000
/** Hashing costs about 50 ms of a core: more at once would be a way to stall the gateway. */
const CHECKS_AT_ONCE_MAX = 4

export function createCredentialDesk(core: Core, hasher: PasswordHasher): CredentialDesk {
  const lastUseSeconds = new Map<string, number>()
  return {
    verbs: credentialVerbs(core, hasher, lastUseSeconds),
    check: createCheck(core, hasher, lastUseSeconds),
  }
}

function createCheck(
  core: Core,
  hasher: PasswordHasher,
  lastUseSeconds: Map<string, number>,
): CheckCredential {
  let running = 0
  return async (username, password) => {
    const credential = find(core, username)
    if (!credential || running >= CHECKS_AT_ONCE_MAX) return undefined
    running += 1
    try {
      const text = new TextDecoder().decode(password)
      if (!(await hasher.matches(text, credential.hashed))) return undefined
    } finally {
      running -= 1
    }
    lastUseSeconds.set(username, Math.floor(core.ports.clock.nowMs() / 1_000))
    const [fleet = '', name = ''] = username.split('/')
    return { kind: 'reader', fleet, name, rights: credential.rights }
  }
}

function find(core: Core, username: string): Credential | undefined {
  const record = core.state.credentials.get(username)
  return record === undefined ? undefined : (JSON.parse(record) as Credential)
}

function credentialVerbs(
  core: Core,
  hasher: PasswordHasher,
  lastUseSeconds: ReadonlyMap<string, number>,
): Record<string, Verb> {
  const rights = v.array(v.picklist(['read', 'supply'], 'read or supply'))
  const add = v.strictObject({
    fleet: idValue,
    name: idValue,
    rights: v.optional(rights, ['read']),
  })
  const one = v.strictObject({ fleet: idValue, name: idValue })
  return {
    credential_add: verb(add, async ({ fleet, name, rights: granted }) => {
      requireFleet(core, fleet)
      const username = `${fleet}/${name}`
      if (core.state.credentials.size >= CREDENTIALS_MAX) {
        throw new OperatorError(`there are ${CREDENTIALS_MAX} credentials: remove one first`)
      }
      if (find(core, username)) {
        throw new OperatorError(`credential ${username} exists: remove it first`)
      }
      const password = bytesToHex(core.ports.random.bytes(PASSWORD_BYTES))
      const record = JSON.stringify({ rights: granted, hashed: await hasher.hash(password) })
      core.writer.record({ kind: 'credential', fleet, name, record })
      return { username, password }
    }),
    credential_list: verb(v.strictObject({}), () =>
      [...core.state.credentials.keys()].map((username) => ({
        username,
        rights: find(core, username)?.rights ?? [],
        lastUseAtSeconds: lastUseSeconds.get(username) ?? null,
      })),
    ),
    credential_remove: verb(one, ({ fleet, name }) => {
      const username = `${fleet}/${name}`
      if (!find(core, username)) throw new OperatorError(`there is no credential ${username}`)
      core.writer.record({ kind: 'credential', fleet, name, record: '' })
      core.link.disconnectReader(fleet, name)
      return { username }
    }),
  }
}
