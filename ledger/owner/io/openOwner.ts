/**
 * The ledger as the owner of a fleet opens it, without a gateway.
 * @module
 */
import type { Ports } from '../../../ports/index.ts'
import { OperatorError } from '../../../ports/operatorError.ts'
import { allocationStructure, digestOf } from '../../../protocol/structures.ts'
import type { Domain } from '../../../protocol/typedData.ts'
import { fastSha256 } from '../../io/fastSha256.ts'
import { fastVerify } from '../../io/fastVerify.ts'
import type { Ledger } from '../../ledger.ts'
import type { OperatorDesk } from '../../operatorDesk.ts'
import type { OwnerConfig } from '../config.ts'
import type { OwnerDesk, RequestRule } from '../withdrawal.ts'

export type OpenOwner = {
  readonly desk: OwnerDesk
  readonly rule: RequestRule
  readonly close: () => Promise<void>
}

const verifying = { verify: fastVerify, sha256: fastSha256 }
const NOBODY = new Uint8Array(20)

/** @throws OperatorError when the ledger cannot be reached, or does not know the allocation */
export async function openOwner(config: OwnerConfig, ports: Ports): Promise<OpenOwner> {
  const { ledger: settings, payee } = config
  if (settings.kind === 'evm') {
    const { openEvm } = await import('../../evm/io/openEvm.ts')
    // The owner's key signs; what opening an allocation needs beside it is not used here.
    const trial = { ownerKeyFile: settings.keyFile, token: NOBODY, feeRecipient: NOBODY }
    const { ledger, desk, close } = await openEvm({
      ...{ settings: { ...settings, trial }, ports, payee, ...verifying },
    })
    return {
      desk: deskOf(idOf(ledger.domain, config), { ...desk, allocation: ledger.allocation }),
      rule: 'one at a time',
      close: async () => close(),
    }
  }
  const { openPostgres } = await import('../../postgres/io/openPostgres.ts')
  const ledger = await openPostgres({ settings, ports, ...verifying })
  return { desk: deskOf(idOf(ledger.domain, config), ledger), rule: 'many', close: ledger.close }
}

function idOf(domain: Domain, { fleet, gateway, payee, asset }: OwnerConfig): Uint8Array {
  const { code: assetCode, scale: assetScale } = asset
  const allocation = { fleet, gateway, payee, assetCode, assetScale }
  return digestOf(domain, allocationStructure, allocation)
}

type LedgerSide = Pick<Ledger, 'allocation'> &
  Pick<OperatorDesk, 'requestWithdrawal' | 'completeWithdrawal'>

function deskOf(id: Uint8Array, ledger: LedgerSide): OwnerDesk {
  return {
    standing: async () => {
      const state = await ledger.allocation(id)
      if (state) return state
      throw new OperatorError(
        'the ledger has no allocation of this fleet, gateway, payee and asset: compare the ' +
          'configuration with what "tickpay ledger allocations" shows',
      )
    },
    request: async (amount, reference) => {
      await ledger.requestWithdrawal(id, amount, reference)
    },
    complete: (reference) => ledger.completeWithdrawal(id, reference),
  }
}
