/**
 * Static credentials of people's tools: made, listed and revoked by an operator, checked at login.
 * @module
 */
import * as v from 'valibot'
import { idValue } from '../../ports/configTypes.ts'
import { OperatorError } from '../../ports/operatorError.ts'
import { rights } from '../../protocol/access.ts'
import type { Credential, Derive } from '../broker/credentials.ts'
import { createCredential, credentialUsername, verifyCredential } from '../broker/credentials.ts'
import type { Core } from '../core.ts'
import { isClaimName } from '../enrol/claims.ts'
import { requireFleet } from '../enrolment.ts'
import type { CheckCredential } from '../login.ts'
import type { CredentialFile } from './operatorDesk.ts'
import { operatorVerbs } from './operatorDesk.ts'
import type { Verb } from './verb.ts'
import { verb } from './verb.ts'

export type CredentialDesk = {
  readonly verbs: Readonly<Record<string, Verb>>
  readonly check: CheckCredential
}

const CREDENTIALS_MAX = 1_000
const nameSchema = v.strictObject({ fleet: idValue, name: idValue })
const isPlain = ({ secondFactor }: Credential) => secondFactor === undefined

export function createCredentialDesk(core: Core, derive: Derive): CredentialDesk {
  // A login changes no money: its time is kept in memory and not journaled.
  const lastUsedSeconds = new Map<string, number>()
  const nowSeconds = () => Math.floor(core.ports.clock.nowMs() / 1_000)
  const add = adderOf(core, derive, nowSeconds)
  return {
    check: async (username, password) => {
      const login = { username, password }
      const lookUp = (fleet: string, name: string) => find(core, fleet, name)
      const verdict = await verifyCredential(derive, lookUp, login, nowSeconds())
      if (verdict.kind === 'refused') return { refused: verdict.reason }
      lastUsedSeconds.set(username, nowSeconds())
      return verdict.identity
    },
    verbs: {
      credential_add: addVerb(add),
      credential_list: verb(v.strictObject({ fleet: v.optional(idValue) }), ({ fleet }) =>
        list(core, lastUsedSeconds, fleet, isPlain),
      ),
      credential_remove: verb(nameSchema, ({ fleet, name }) => remove(core, fleet, name)),
      ...operatorVerbs(core, {
        add,
        find: (fleet, name) => find(core, fleet, name),
        remove: (fleet, name) => remove(core, fleet, name),
        listOperators: (fleet) => list(core, lastUsedSeconds, fleet, (one) => !isPlain(one)),
      }),
    },
  }
}

function find(core: Core, fleet: string, name: string): Credential | undefined {
  const record = core.state.credentials.get(`${fleet}/${name}`)
  return record === undefined ? undefined : (JSON.parse(record) as Credential)
}

/** The claims of devices that are not enrolled yet lie beside them. */
function staticCredentials({ state }: Core): readonly string[] {
  return [...state.credentials]
    .filter(([name]) => !isClaimName(name.slice(name.indexOf('/') + 1)))
    .map(([, record]) => record)
}

function list(
  core: Core,
  lastUsedSeconds: ReadonlyMap<string, number>,
  wanted: string | undefined,
  isWanted: (one: Credential) => boolean,
) {
  const all = staticCredentials(core).map((record) => JSON.parse(record) as Credential)
  const chosen = all.filter((one) => isWanted(one) && (wanted ?? one.fleet) === one.fleet)
  return chosen.map(({ fleet, name, rights, createdSeconds }) => {
    const username = credentialUsername(fleet, name)
    const lastUseAtSeconds = lastUsedSeconds.get(username) ?? null
    return { username, fleet, name, rights, createdAtSeconds: createdSeconds, lastUseAtSeconds }
  })
}

function addVerb(add: CredentialFile['add']): Verb {
  const right = v.picklist(rights, 'read, supply or command')
  const wantedRights = v.optional(v.array(right), ['read'])
  const schema = v.strictObject({ fleet: idValue, name: idValue, rights: wantedRights })
  return verb(schema, (wanted) => add(wanted, undefined))
}

function adderOf(core: Core, derive: Derive, nowSeconds: () => number): CredentialFile['add'] {
  return async (wanted, secondFactor) => {
    const { fleet, name } = wanted
    requireFleet(core, fleet)
    if (staticCredentials(core).length >= CREDENTIALS_MAX) {
      throw new OperatorError(`there are ${CREDENTIALS_MAX} credentials: remove one first`)
    }
    const known = find(core, fleet, name)
    if (known) {
      const kind = isPlain(known) ? 'credential' : 'operator'
      throw new OperatorError(`${kind} ${name} of fleet ${fleet} exists: remove it first`)
    }
    const { random } = core.ports
    const made = await createCredential({ random, derive }, wanted, nowSeconds())
    const credential = secondFactor ? { ...made.credential, secondFactor } : made.credential
    core.writer.record({ kind: 'credential', fleet, name, record: JSON.stringify(credential) })
    return { username: credentialUsername(fleet, name), password: made.password }
  }
}

function remove(core: Core, fleet: string, name: string) {
  if (!find(core, fleet, name)) {
    throw new OperatorError(`fleet ${fleet} has no credential ${name}`)
  }
  core.writer.record({ kind: 'credential', fleet, name, record: '' })
  core.link.disconnectReader(fleet, name)
  return { username: credentialUsername(fleet, name) }
}
