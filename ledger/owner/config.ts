/**
 * Where a fleet's owner has its money, owner.yaml.
 * @module
 */
import * as v from 'valibot'
import { hexValue, idValue, integerValue, textValue } from '../../ports/configTypes.ts'
import { evmValue } from '../evm/config.ts'
import { postgresValue } from '../postgres/config.ts'

export const ownerConfigSchema = v.strictObject({
  /** With gateway, payee and asset it names the allocation. */
  fleet: idValue,
  gateway: idValue,
  /** 20 bytes. */
  payee: hexValue(20),
  asset: v.strictObject({ code: textValue, scale: integerValue(0, 18) }),
  /** With a contract, `keyFile` is the key of the owner. */
  ledger: v.variant('kind', [postgresValue, evmValue], 'kind postgres or evm'),
})
export type OwnerConfig = v.InferOutput<typeof ownerConfigSchema>
