/**
 * Ten thousand agents on one gateway: what a connection costs, and how soon all pay again after the
 * gateway was killed.
 * @module
 */
import { join } from 'node:path'
import type { ComebackStatus } from '../load/messages.ts'
import { anonymousBytes } from '../measure.ts'
import { figure } from '../report/tables.ts'
import { spread } from '../statistics.ts'
import { type BenchGateway, openBenchGateway } from '../systems/benchGateway.ts'
import { atMost, type Case, type CaseOptions } from './case.ts'
import { connectTo, type Shape } from './compare.ts'

const DEVICES = 10_000
/** Each device ticks once in five seconds. */
const TICKS_PER_SECOND = DEVICES / 5
const RETURN_TIMEOUT_SECONDS = 180
const POLL_MS = 250
const shape: Shape = {
  name: '10,000 devices',
  connections: DEVICES,
  channels: 1,
  inFlight: 1,
  guess: TICKS_PER_SECOND,
}

type Restart = {
  /** From the kill to the gateway listening again, and to the last device having paid. */
  readonly listeningSeconds: number
  readonly allBackSeconds: number
  readonly lost: number
}

type Measured = {
  readonly bytesBefore: number
  readonly bytesConnected: number
  readonly connectSeconds: number
  readonly restarts: readonly Restart[]
  readonly acknowledged: number
}

async function measure(gateway: BenchGateway, options: CaseOptions): Promise<Measured> {
  const { rounds, seconds, onProgress } = options
  const bytesBefore = anonymousBytes(gateway.process().child.pid)
  const startMs = performance.now()
  const own = await connectTo(gateway.system, shape)
  const connectSeconds = (performance.now() - startMs) / 1_000
  const { generator } = own
  const life = (rounds + 1) * (RETURN_TIMEOUT_SECONDS + seconds)
  const messages = Math.ceil((life * TICKS_PER_SECOND) / DEVICES)
  await generator.ask({ do: 'prepare', messages, windows: 1, jump: 1 })
  const bytesConnected = anonymousBytes(gateway.process().child.pid)
  await generator.ask({ do: 'comeback', messagesPerSecond: TICKS_PER_SECOND })
  const status = async () => (await generator.ask({ do: 'status' })) as ComebackStatus
  const restarts: Restart[] = []
  for (let round = 0; round < rounds; round++) {
    await pause(seconds * 1_000)
    const restart = await killAndWait(gateway, status)
    restarts.push(restart)
    onProgress(
      `connections: all back after ${figure(restart.allBackSeconds)} s, ${restart.lost} lost`,
    )
  }
  await generator.ask({ do: 'calm' })
  while ((await status()).inFlight > 0) await pause(POLL_MS)
  const { acknowledged } = await status()
  await generator.stop()
  return { bytesBefore, bytesConnected, connectSeconds, restarts, acknowledged }
}

async function killAndWait(
  gateway: BenchGateway,
  status: () => Promise<ComebackStatus>,
): Promise<Restart> {
  const before = await status()
  const killedAtMs = Date.now()
  await gateway.restart('SIGKILL')
  const listeningSeconds = (Date.now() - killedAtMs) / 1_000
  const deadlineMs = killedAtMs + RETURN_TIMEOUT_SECONDS * 1_000
  for (;;) {
    await pause(POLL_MS)
    const now = await status()
    if (now.exhausted > 0) throw new Error('a device has no ticks left')
    const isOver = now.away === 0 || Date.now() > deadlineMs
    if (!isOver) continue
    const allBackSeconds =
      now.away === 0 ? (now.lastBackAtMs - killedAtMs) / 1_000 : Number.POSITIVE_INFINITY
    return { listeningSeconds, allBackSeconds, lost: now.lost - before.lost }
  }
}

function pause(delayMs: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, delayMs))
}

async function run(options: CaseOptions): Promise<Measured> {
  const folder = join(options.folder, 'gateway')
  const gateway = await openBenchGateway(folder, shape, {}, options)
  try {
    const measured = await measure(gateway, options)
    await gateway.verify(measured.acknowledged)
    return measured
  } finally {
    await gateway.system.stop()
  }
}

export const connections: Case = {
  name: 'connections',
  about: 'ten thousand agents, and all of them again after the gateway was killed',
  run: async (options) => {
    const measured = await run(options)
    const { bytesBefore, bytesConnected, restarts, connectSeconds } = measured
    const kilobytes = (bytesConnected - bytesBefore) / DEVICES / 1_024
    const back = spread(restarts.map(({ allBackSeconds }) => allBackSeconds))
    const listening = spread(restarts.map(({ listeningSeconds }) => listeningSeconds))
    const lost = restarts.reduce((sum, one) => sum + one.lost, 0)
    return {
      targets: [
        atMost('all paying again, seconds', 60, back.median),
        atMost('devices of which something acknowledged was lost', 0, lost),
      ],
      limits: {},
      tables: [
        {
          title: 'Ten thousand connections',
          columns: ['what', 'median', 'lowest', 'highest'],
          rows: [
            ['memory a connection, KiB', figure(kilobytes), '', ''],
            ['first login of all, s', figure(connectSeconds), '', ''],
            ['listening again, s', ...[listening.median, listening.min, listening.max].map(figure)],
            ['all paying again, s', ...[back.median, back.min, back.max].map(figure)],
          ],
        },
      ],
      charts: [
        {
          kind: 'bars',
          name: 'connections',
          unit: 's',
          groups: [
            {
              title: 'After the kill',
              bars: [
                bar('listening again', listening),
                bar(`${DEVICES} devices paying again`, back),
              ],
            },
          ],
        },
      ],
      notes: [
        'Every device ticks once in five seconds, logs in with a new signed token after a ' +
          'jittered pause as agents do, and goes on from what the gateway proves to hold. Time ' +
          'begins with the kill (SIGKILL) and ends when the last device has a tick ' +
          'acknowledged.',
      ],
      figures: measured,
    }
  },
}

function bar(label: string, { median, min, max }: ReturnType<typeof spread>) {
  return { label, value: median, low: min, high: max, isOwn: true }
}
