/**
 * One look at the statement that waits, from the terminal: signs in, listens to what is retained,
 * compares, and co-signs where nothing differs.
 * @module
 */
import type { Connector, Ports } from '../ports/index.ts'
import { OperatorError } from '../ports/operatorError.ts'
import { FLEET_ITSELF } from '../protocol/ids.ts'
import { TOPIC_ROOT } from '../protocol/topics.ts'
import type { CosignMode, CosignResult } from './cosigner.ts'
import { type FleetIdentity, loginOptions } from './login.ts'
import type { StatementWatch } from './statementWatch.ts'

/** Retained messages follow each other closely; so long without one, all have come. */
const QUIET_MS = 1_000

export type CosignOnce = {
  readonly identity: FleetIdentity
  readonly connector: Connector
  readonly statements: StatementWatch
  readonly mode: CosignMode
}

/** @throws OperatorError when the gateway cannot be reached or does not answer */
export async function cosignOnce(options: CosignOnce, ports: Ports): Promise<CosignResult> {
  const { identity, connector, statements, mode } = options
  const nowSeconds = Math.floor(ports.clock.nowMs() / 1_000)
  const login = await loginOptions(identity, nowSeconds, ports.random.bytes(32))
  const transport = await connector(login).catch((error: unknown) => {
    throw new OperatorError(`cannot sign in at the gateway: ${messageOf(error)}`)
  })
  const arrivals = createArrivals(ports)
  transport.onMessage((topic, payload) => {
    arrivals.heard()
    // What waits is looked at once, below.
    if (topic !== `${TOPIC_ROOT}/${identity.fleet}/${FLEET_ITSELF}/statement`) {
      statements.take(topic, payload)
    }
  })
  try {
    await transport.subscribe([
      `${TOPIC_ROOT}/${identity.fleet}/${FLEET_ITSELF}/devices/+`,
      ...statements.topics,
    ])
    await arrivals.quiet()
    return await statements.lookThrough(transport, mode)
  } finally {
    statements.stop()
    await transport.close()
  }
}

function createArrivals({ clock, timers }: Ports) {
  let lastMs = clock.monotonicMs()
  const quiet = (): Promise<void> =>
    new Promise((resolve) => {
      const look = () => {
        const restMs = lastMs + QUIET_MS - clock.monotonicMs()
        if (restMs <= 0) resolve()
        else timers.after(restMs, look)
      }
      look()
    })
  return {
    heard: () => {
      lastMs = clock.monotonicMs()
    },
    quiet,
  }
}

const messageOf = (error: unknown) => (error instanceof Error ? error.message : String(error))
