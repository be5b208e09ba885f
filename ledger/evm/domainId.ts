/**
 * A contract's domain as the 32 bytes by which a gateway's store names its ledger.
 * @module
 */
import { assert } from '../../protocol/assert.ts'
import { bigEndian, bytesToHex, concatBytes } from '../../protocol/bytes.ts'
import type { Domain } from '../../protocol/typedData.ts'

const CHAIN_BYTES = 12
const ID_BYTES = 32

/** Chain id in 12 bytes, then the contract. */
export const idOfDomain = ({ chainId, verifyingContract }: Domain): Uint8Array =>
  concatBytes(bigEndian(chainId, CHAIN_BYTES), verifyingContract)

/** The domain that `idOfDomain` named. */
export function domainOfId(id: Uint8Array): Domain {
  assert(id.length === ID_BYTES, 'a ledger is named by 32 bytes')
  const chainId = BigInt(`0x${bytesToHex(id.subarray(0, CHAIN_BYTES))}`)
  return { chainId, verifyingContract: id.slice(CHAIN_BYTES) }
}
