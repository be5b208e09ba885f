/**
 * The agent's bundle as arm64: a session of some hundred ticks. Whether it is right, not how fast.
 * @module
 */
import { join } from 'node:path'
import { startAgentSite } from '../systems/agentSite.ts'
import { type Arm64, findArm64 } from '../systems/arm64.ts'
import { type GatewayProcess, makeGateway, startGateway } from '../systems/gateway.ts'

const METERS = 2
const TICKS_PER_SECOND = 20
const TICKS_WANTED = 300
const TIMEOUT_MS = 120_000
const POLL_MS = 250

/** One line for people. */
export async function runArm64(folder: string, bundle: string): Promise<string> {
  const arm64 = findArm64()
  return arm64.kind === 'missing'
    ? `skipped: install ${arm64.what}`
    : runSession(folder, bundle, arm64)
}

type Status = {
  readonly accepted: number
  readonly refused: Readonly<Record<string, number>>
}

async function statusOf({ calls }: GatewayProcess): Promise<Status> {
  return (await calls.call('status', {})) as Status
}

async function runSession(
  folder: string,
  bundle: string,
  { command, version }: Extract<Arm64, { kind: 'here' }>,
): Promise<string> {
  const gateway = await startGateway(await makeGateway(join(folder, 'gateway'), {}, undefined))
  const place = join(folder, 'site')
  const site = await startAgentSite(place, bundle, gateway, METERS, TICKS_PER_SECOND, command)
  const deadlineMs = performance.now() + TIMEOUT_MS
  try {
    for (;;) {
      const { accepted, refused } = await statusOf(gateway)
      const names = Object.keys(refused)
      if (names.length > 0) throw new Error(`the gateway refused: ${JSON.stringify(refused)}`)
      if (accepted >= TICKS_WANTED) {
        const ticks = `${accepted} ticks of ${METERS} meters accepted, none refused`
        return `Node ${version} for arm64: ${ticks}`
      }
      if (performance.now() > deadlineMs) {
        throw new Error(`only ${accepted} ticks of an agent on arm64 were accepted`)
      }
      await new Promise((resolve) => setTimeout(resolve, POLL_MS))
    }
  } finally {
    await site.stop()
    await gateway.child.stop('SIGKILL')
  }
}
