/**
 * Operators: people who act from the dashboard, with a password and one-time codes. Made, listed
 * and removed where the gateway runs.
 * @module
 */
import * as v from 'valibot'
import { idValue } from '../../ports/configTypes.ts'
import { OperatorError } from '../../ports/operatorError.ts'
import type { Credential } from '../broker/credentials.ts'
import type { Core } from '../core.ts'
import { codeUri, newCodeSecret } from '../operators/oneTimeCode.ts'
import type { Verb } from './verb.ts'
import { verb } from './verb.ts'

/** What the desk of credentials does for this one. */
export type CredentialFile = {
  /** Makes a credential, shows its password once, and stores it with `secondFactor`. */
  readonly add: (
    wanted: Pick<Credential, 'fleet' | 'name' | 'rights'>,
    secondFactor: Credential['secondFactor'],
  ) => Promise<{ readonly username: string; readonly password: string }>
  readonly find: (fleet: string, name: string) => Credential | undefined
  readonly remove: (fleet: string, name: string) => { readonly username: string }
  /** Of operators alone; of all fleets when it is undefined. */
  readonly listOperators: (fleet: string | undefined) => readonly object[]
}

const nameSchema = v.strictObject({ fleet: idValue, name: idValue })

export function operatorVerbs(core: Core, file: CredentialFile): Readonly<Record<string, Verb>> {
  return {
    operator_add: verb(nameSchema, async ({ fleet, name }) => {
      const secret = newCodeSecret(core.ports.random)
      const wanted = { fleet, name, rights: ['read', 'supply'] as const }
      const { username, password } = await file.add(wanted, { secret, usedStep: 0 })
      const uri = codeUri(secret, `Tickpay ${core.config.gateway}`, username)
      return { username, password, secret, uri }
    }),
    operator_list: verb(v.strictObject({ fleet: v.optional(idValue) }), ({ fleet }) =>
      file.listOperators(fleet),
    ),
    operator_remove: verb(nameSchema, ({ fleet, name }) => {
      if (!file.find(fleet, name)?.secondFactor) {
        throw new OperatorError(`fleet ${fleet} has no operator ${name}`)
      }
      return file.remove(fleet, name)
    }),
  }
}
