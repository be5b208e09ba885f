/**
 * What is answered over HTTP: `/healthz`, `/readyz` and `/metrics`. Nothing can be changed there,
 * and nothing is told that a device or a fleet keeps to itself: figures, reasons, names of fleets.
 * @module
 */
import type { Ports } from '../../ports/index.ts'
import type { Core } from '../core.ts'
import type { Check, DoorFigures } from './readiness.ts'
import { brokerCheck, healthOf, ledgerCheck, storeCheck } from './readiness.ts'
import type { MachineFigures, Reading, Source } from './reading.ts'
import { takeReading } from './reading.ts'
import { remembered } from './remembered.ts'
import { createSums } from './sums.ts'

/** A ledger outside is asked at most so often, whoever asks here. */
const LEDGER_LOOK_AGE_MS = 5_000

export type Answer = {
  readonly status: number
  readonly contentType: string
  readonly body: string
}

/** What is known once the store is open. */
export type HttpParts = {
  readonly core: Core
  readonly disk: Source['disk']
  readonly door: () => DoorFigures
  readonly isUnconfirmed: () => boolean
  /** The text of `/metrics` and its type. */
  readonly text: {
    readonly contentType: string
    readonly render: (reading: Reading) => Promise<string>
  }
}

export type Pages = {
  /** Undefined for a path that is not there. */
  readonly answer: (path: string) => Promise<Answer | undefined>
  /** The store is open. */
  readonly attach: (parts: HttpParts) => void
  /** The gateway stops: it lives, and is not ready any more. */
  readonly retire: () => void
}

type Attached = { readonly parts: HttpParts; readonly source: Source; readonly checkLedger: Look }
type Look = () => Promise<Check>

export function createPages(
  gateway: string,
  { clock }: Pick<Ports, 'clock'>,
  machine: () => MachineFigures,
): Pages {
  let attached: Attached | undefined
  let isRetired = false
  const answers: Readonly<Record<string, () => Promise<Answer>>> = {
    '/healthz': async () => {
      const health = healthOf(gateway, attached?.parts.core.commits.report())
      return json(health.status === 'alive' ? 200 : 503, health)
    },
    '/readyz': async () => {
      const checks = await checksOf(attached, isRetired)
      const ready = checks.every(({ ok }) => ok)
      return json(ready ? 200 : 503, { ready, gateway, checks })
    },
    '/metrics': async () => {
      if (!attached) return json(503, { error: 'the store is being opened' })
      const { contentType, render } = attached.parts.text
      const body = await render(await takeReading(attached.source))
      return { status: 200, contentType, body }
    },
  }
  return {
    answer: async (path) => (Object.hasOwn(answers, path) ? answers[path]?.() : undefined),
    attach: (parts) => {
      const checkLedger = remembered(clock, LEDGER_LOOK_AGE_MS, () => ledgerCheck(parts.core))
      const ledgerUp = async () => (await checkLedger()).ok
      const source = { ...parts, sums: createSums(parts.core), ledgerUp, machine }
      attached = { parts, source, checkLedger }
    },
    retire: () => {
      isRetired = true
    },
  }
}

async function checksOf(
  attached: Attached | undefined,
  isRetired: boolean,
): Promise<readonly Check[]> {
  if (isRetired) return [{ name: 'store', ok: false, reason: 'the gateway is stopping' }]
  if (!attached) return [{ name: 'store', ok: false, reason: 'the store is being opened' }]
  const { core, door } = attached.parts
  return [storeCheck(core), await attached.checkLedger(), brokerCheck(door())]
}

function json(status: number, value: unknown): Answer {
  return { status, contentType: 'application/json', body: `${JSON.stringify(value)}\n` }
}
