/**
 * The live view on any gateway, through its control socket.
 * @module
 */
import type { ChannelReport } from '../../fleet/reports.ts'
import { UnreachableError } from '../exitCodes.ts'
import type { Calls } from '../io/controlClient.ts'
import { atExit, quitKeys } from '../io/quitKeys.ts'
import { stopSignal } from '../io/runUntilStopped.ts'
import { jsonText } from '../jsonLine.ts'
import { styleOf, type Terminal } from '../terminal.ts'
import {
  assetOf,
  CHANNELS_LOOKED_AT_MAX,
  look,
  type Part,
  remember,
  type Sight,
  viewOf,
} from './look.ts'
import { fullCanvas } from './screen.ts'
import { type LiveView, plainLine, viewLines } from './view.ts'

const lookPeriodMs = 1_000
const tooManyNote = 'too many channels to show: name a fleet with --fleet'
const awayNote = 'the gateway does not answer: these are its last figures; asking again'
/** Lines of the view that are no devices. */
export const OTHER_LINES = 9

export type TopOptions = {
  readonly part: Part
  readonly looks: 1 | 'many'
  readonly output: 'json' | 'people'
}

/** Shows the gateway until somebody stops it, or once. */
export async function runTop(calls: Calls, options: TopOptions, terminal: Terminal): Promise<void> {
  const startedMs = performance.now()
  const show = (sights: readonly Sight[], devicesMax: number) =>
    topView(sights, options.part, devicesMax, startedMs)
  if (options.looks === 1) return once(calls, options, show, terminal)
  const paintOn = options.output === 'people' && terminal.isScreen ? onScreen : inLines
  return paintOn(calls, options, show, terminal)
}

type Show = (sights: readonly Sight[], devicesMax: number) => LiveView | undefined
type Way = (calls: Calls, options: TopOptions, show: Show, terminal: Terminal) => Promise<void>

/** Two looks: one alone knows nothing of how fast anything moves. */
const once: Way = async (calls, { part, output }, show, terminal) => {
  const first = await look(calls, new Map(), performance.now(), part)
  await pause()
  const second = await look(calls, new Map(), performance.now(), part)
  const view = show([first, second], Number.POSITIVE_INFINITY)
  if (view === undefined) return
  if (output === 'json') terminal.out(topJson(second, view))
  else for (const line of viewLines(view, Number.POSITIVE_INFINITY, plain)) terminal.out(line)
}

const plain = styleOf(false)

const inLines: Way = async (calls, { part, output }, show, terminal) => {
  await watch(calls, part, stopSignal(), (sights) => {
    const view = show(sights, Number.POSITIVE_INFINITY)
    const newest = sights.at(-1)
    if (view && newest) terminal.out(output === 'json' ? topJson(newest, view) : plainLine(view))
  })
}

const onScreen: Way = async (calls, { part }, show, terminal) => {
  const style = styleOf(terminal.isColoured)
  const keys = quitKeys()
  const canvas = fullCanvas(terminal)
  const close = () => {
    canvas.close()
    keys.close()
  }
  const keepOpen = atExit(close)
  const paint = (sights: readonly Sight[], note?: string) => {
    const view = show(sights, Math.max(1, terminal.rows() - OTHER_LINES))
    if (view === undefined) return
    const told = note === undefined ? view : { ...view, note }
    canvas.paint(viewLines(told, terminal.columns(), style))
  }
  try {
    const stopAsked = Promise.race([keys.pressed, stopSignal()])
    await watch(calls, part, stopAsked, paint, (sights) => paint(sights, awayNote))
  } finally {
    keepOpen()
    close()
  }
}

/**
 * Looks again and again. With `away` a gateway that does not answer is told of, with what was seen
 * last, and asked again; without it that is the end.
 */
export async function watch(
  calls: Calls,
  part: Part,
  stopAsked: Promise<void>,
  seen: (sights: readonly Sight[]) => void,
  away?: (sights: readonly Sight[]) => void,
): Promise<void> {
  const end = stopAsked.then(() => true as const)
  let sights: readonly Sight[] = []
  let isAway = false
  do {
    try {
      const sight = await look(calls, new Map(), performance.now(), part)
      // Figures of another start are not to be compared with those before.
      sights = remember(isAway ? [] : sights, sight)
      isAway = false
      seen(sights)
    } catch (error) {
      if (away === undefined || !(error instanceof UnreachableError)) throw error
      isAway = true
      away(sights)
    }
  } while (!(await Promise.race([end, pause()])))
}

function pause(): Promise<false> {
  return new Promise((resolve) => setTimeout(() => resolve(false), lookPeriodMs))
}

/** The view of `tickpay top`; undefined before the first look. */
export function topView(
  sights: readonly Sight[],
  part: Part,
  devicesMax: number,
  startedMs: number,
): LiveView | undefined {
  const newest = sights.at(-1)
  if (newest === undefined) return undefined
  const { gateway, sessions, channels } = newest.status
  const { device } = part
  const isUnknown = device !== undefined && newest.channels.length === 0
  const isTooMany = channels > CHANNELS_LOOKED_AT_MAX && part.fleet === undefined
  return viewOf(sights, {
    title: 'tickpay top',
    place: `${gateway}: ${sessions} online, ${channels} channels`,
    note: isTooMany ? tooManyNote : isUnknown ? `no channel of a device ${device} is here` : '',
    asset: assetOf(newest),
    forSeconds: undefined,
    nameOf: ({ fleet, device, meter }: ChannelReport) => ({ device: `${fleet}/${device}`, meter }),
    ...{ devicesMax, startedMs, nowSeconds: Date.now() / 1_000 },
  })
}

/** One line for programs: amounts and units are decimal strings. */
function topJson({ status }: Sight, view: LiveView): string {
  const { gateway, sessions, channels } = status
  const { devices, ticks, ticksPerSecond, accepted, settled, settlements, refused, asset } = view
  const money = { asset, accepted, settled, unsettled: status.unsettled, settlements }
  const timeSeconds = Math.floor(Date.now() / 1_000)
  const rate = { ticks, ticksPerSecond: Math.round(ticksPerSecond * 10) / 10 }
  return jsonText({ timeSeconds, gateway, sessions, channels, ...rate, ...money, refused, devices })
}
