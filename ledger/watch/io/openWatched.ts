/**
 * The ledger of a watcher, with a login or a key of the watcher's own.
 * @module
 */
import type { Ports } from '../../../ports/index.ts'
import { OperatorError } from '../../../ports/operatorError.ts'
import { bytesToHex } from '../../../protocol/bytes.ts'
import type { Domain } from '../../../protocol/typedData.ts'
import type { EvmSettings } from '../../evm/config.ts'
import { fastSha256 } from '../../io/fastSha256.ts'
import { fastVerify } from '../../io/fastVerify.ts'
import type { WatchConfig } from '../config.ts'
import type { WatchedLedger } from '../service.ts'

export type OpenWatched = {
  readonly ledger: WatchedLedger & { readonly domain: Domain }
  readonly close: () => Promise<void>
}

const verifying = { verify: fastVerify, sha256: fastSha256 }

/** @throws OperatorError when it cannot be reached, or would not pay on the watcher's word */
export async function openWatched(config: WatchConfig, ports: Ports): Promise<OpenWatched> {
  const { ledger: settings } = config
  if (settings.kind === 'embedded') {
    throw new OperatorError(
      'an embedded ledger is in the store of its gateway, so nobody else can settle there: ' +
        'while the gateway is away its fleet cannot withdraw either. Watch a ledger of kind ' +
        'postgres or evm',
    )
  }
  if (settings.kind === 'evm') return openContract(settings, config.payee, ports)
  const { openPostgres } = await import('../../postgres/io/openPostgres.ts')
  const ledger = await openPostgres({ settings, ports, ...verifying })
  return { ledger, close: ledger.close }
}

async function openContract(
  settings: EvmSettings,
  payee: Uint8Array | undefined,
  ports: Ports,
): Promise<OpenWatched> {
  if (!payee) throw new OperatorError('name the payee of the contract under "payee"')
  const { openEvm } = await import('../../evm/io/openEvm.ts')
  const { ledger, address, isSubmitter, close } = await openEvm({
    ...{ settings, ports, payee, ...verifying },
  })
  const refuse = (why: string) => {
    close()
    return new OperatorError(`${settings.keyFile}: ${why}`)
  }
  if (address === `0x${bytesToHex(payee)}`) {
    throw refuse(
      'this is the key of the payee itself. A watcher has a key of its own, which moves no money ' +
        'and is not used by the gateway: two programs with one key take each other the nonce',
    )
  }
  if (!(await isSubmitter())) {
    throw refuse(`${address} may not claim: let the payee call nameSubmitter(${address}, true)`)
  }
  return { ledger, close: async () => close() }
}
