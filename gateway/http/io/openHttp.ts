/**
 * Health and metrics of a gateway over HTTP, on a listener of their own that opens before the store
 * does: a long recovery is seen.
 * @module
 */
import { monitorEventLoopDelay } from 'node:perf_hooks'
import type { Ports } from '../../../ports/index.ts'
import type { HttpSettings } from '../config.ts'
import type { HttpParts } from '../pages.ts'
import { createPages } from '../pages.ts'
import type { MachineFigures } from '../reading.ts'
import { createMetricsText } from './metricsText.ts'
import { openServer } from './server.ts'

export type OpenHttp = {
  readonly port: number
  readonly attach: (parts: Omit<HttpParts, 'text'>) => void
  readonly retire: () => void
  readonly close: () => Promise<void>
}

const LAG_RESOLUTION_MS = 20

/** @throws OperatorError when the port cannot be opened */
export async function openHttp(
  settings: HttpSettings,
  gateway: string,
  ports: Pick<Ports, 'clock' | 'log'>,
): Promise<OpenHttp> {
  const lag = monitorEventLoopDelay({ resolution: LAG_RESOLUTION_MS })
  const startSeconds = ports.clock.nowMs() / 1_000 - process.uptime()
  const pages = createPages(gateway, ports, () => machineFigures(lag, startSeconds))
  const server = await openServer(settings, pages.answer, ports.log)
  lag.enable()
  return {
    port: server.port,
    attach: (parts) => pages.attach({ ...parts, text: createMetricsText(parts.core.commits) }),
    retire: pages.retire,
    close: async () => {
      lag.disable()
      await server.close()
    },
  }
}

type Lag = ReturnType<typeof monitorEventLoopDelay>

function machineFigures(lag: Lag, startSeconds: number): MachineFigures {
  // The monitor counts from one of its timers to the next, so that on time is not 0.
  const seconds = (nanoseconds: number) =>
    Math.max(0, nanoseconds / 1e9 - LAG_RESOLUTION_MS / 1_000) || 0
  const lagSeconds = {
    '50': seconds(lag.percentile(50)),
    '99': seconds(lag.percentile(99)),
    '100': seconds(lag.max),
  }
  lag.reset()
  const { user, system } = process.cpuUsage()
  const cpuSeconds = (user + system) / 1e6
  return { lagSeconds, cpuSeconds, memoryBytes: process.memoryUsage.rss(), startSeconds }
}
