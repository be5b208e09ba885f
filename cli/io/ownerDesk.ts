/**
 * The ledger as the owner of a fleet reaches it: by itself, or through a gateway.
 * @module
 */
import * as v from 'valibot'
import { ownerConfigSchema } from '../../ledger/owner/config.ts'
import { openOwner } from '../../ledger/owner/io/openOwner.ts'
import type { OwnerDesk, RequestRule } from '../../ledger/owner/withdrawal.ts'
import { readConfigFile } from '../../ports/io/configFile.ts'
import { jsonLog } from '../../ports/io/log.ts'
import { nodePorts } from '../../ports/io/node.ts'
import { OperatorError } from '../../ports/operatorError.ts'
import { readAnswer } from '../answers.ts'
import { UsageError } from '../exitCodes.ts'
import { type GatewayValues, withGateway } from '../gatewayOptions.ts'
import type { Terminal } from '../terminal.ts'
import type { Calls } from './controlClient.ts'

/** Prefix of the environment variables that override the configuration. */
const ownerPrefix = 'TICKPAY_OWNER'

export type OwnerPlace = { readonly desk: OwnerDesk; readonly rule: RequestRule }

type Typed = GatewayValues & {
  readonly owner: string | undefined
  readonly fleet: string | undefined
}

/** Carries out `act` where the options lead. */
export async function withOwner<T>(
  { owner, fleet, ...place }: Typed,
  terminal: Terminal,
  act: (open: OwnerPlace) => Promise<T>,
): Promise<T> {
  if ((owner === undefined) === (fleet === undefined)) {
    throw new UsageError('name --owner FILE, or --fleet and the gateway that books for it')
  }
  if (fleet !== undefined) {
    return withGateway(place, terminal, (calls) =>
      act({ desk: throughGateway(calls, fleet), rule: 'many' }),
    )
  }
  const config = await readConfigFile(owner ?? '', ownerPrefix, ownerConfigSchema, process.env)
  const { close, ...open } = await openOwner(config, nodePorts(jsonLog('warn')))
  try {
    return await act(open)
  } finally {
    await close()
  }
}

const allocationsAnswer = v.array(
  v.object({
    fleet: v.string(),
    asset: v.object({ code: v.string(), scale: v.number() }),
    setAside: v.string(),
    paid: v.string(),
    available: v.string(),
    withdrawing: v.array(
      v.object({ reference: v.string(), amount: v.string(), availableAtSeconds: v.number() }),
    ),
  }),
)

const completedAnswer = v.object({ amount: v.string() })

function throughGateway({ call }: Calls, fleet: string): OwnerDesk {
  return {
    standing: async () => {
      const all = readAnswer(allocationsAnswer, await call('ledger_allocations', {}))
      const found = all.find((one) => one.fleet === fleet)
      if (!found) throw new OperatorError(`the gateway has no allocation of fleet ${fleet}`)
      return {
        asset: found.asset,
        setAside: BigInt(found.setAside),
        paid: BigInt(found.paid),
        available: BigInt(found.available),
        withdrawing: found.withdrawing.map((one) => ({ ...one, amount: BigInt(one.amount) })),
      }
    },
    request: async (amount, reference) => {
      await call('ledger_withdraw', { fleet, amount: `${amount}`, reference })
    },
    complete: async (reference) => {
      const done = await call('ledger_complete_withdrawal', { fleet, reference })
      return BigInt(readAnswer(completedAnswer, done).amount)
    },
  }
}
