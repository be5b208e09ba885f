/**
 * What happens to a site during a soak, drawn by dice. Nothing is repaired by hand: programs that
 * ended are started again as a service manager does, and that is all.
 * @module
 */
import { statfsSync } from 'node:fs'
import { rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { SimCommand } from '../../firmware-sim/config.ts'
import type { Dice } from '../../firmware-sim/dice.ts'
import { present } from '../../protocol/assert.ts'
import type { SiteProxy } from '../support/siteProxy.ts'
import type { Place } from '../support/siteReal.ts'
import type { Herd } from './herdProcess.ts'

export type SoakSite = {
  readonly gateway: Place
  readonly herds: readonly Herd[]
  readonly proxy: SiteProxy
  /** The gateway's own file system. */
  readonly diskFolder: string
  readonly devicesEach: number
}

/** Herds before this place are killed at times; the others live through, so memory can be seen. */
export function isMortal(site: SoakSite, place: number): boolean {
  return place < site.herds.length / 2
}

const FILLER = 'filler'
/** The gateway gives no credit below 5 % of free space. */
const LOW_SHARE = 0.03
const WINDOW_MS = 15_000
const UNPLUG_MS_MAX = 20_000
const PAUSE_MS_MIN = 2_000
const PAUSE_MS_MAX = 12_000

type Fault = {
  readonly name: string
  readonly weight: number
  /** Ends the gateway: only in the first part, since memory is watched over one life. */
  readonly restartsGateway: boolean
  readonly strike: (site: SoakSite, dice: Dice) => Promise<void>
}

const faults: readonly Fault[] = [
  {
    name: 'connection cut',
    weight: 6,
    restartsGateway: false,
    strike: async ({ proxy }, dice) => {
      proxy.breakOne(dice.between(0, 199))
    },
  },
  {
    name: 'all connections cut',
    weight: 1,
    restartsGateway: false,
    strike: async ({ proxy }) => proxy.breakAll(),
  },
  {
    name: 'meter rebooted',
    weight: 6,
    restartsGateway: false,
    strike: (site, dice) => meterFault(site, dice, { kind: 'reboot' }),
  },
  {
    name: 'meter unplugged',
    weight: 3,
    restartsGateway: false,
    strike: (site, dice) => {
      return meterFault(site, dice, { kind: 'unplug', forMs: dice.between(500, UNPLUG_MS_MAX) })
    },
  },
  {
    name: 'agents killed',
    weight: 1,
    restartsGateway: false,
    strike: async (site, dice) => {
      const herd = site.herds[dice.between(0, Math.ceil(site.herds.length / 2) - 1)]
      await herd?.kill()
      await herd?.start()
    },
  },
  {
    name: 'disk nearly full',
    weight: 1,
    restartsGateway: false,
    strike: ({ diskFolder }) => fillFor(diskFolder, LOW_SHARE),
  },
  {
    name: 'disk full',
    weight: 1,
    restartsGateway: true,
    strike: ({ diskFolder }) => fillFor(diskFolder, 0),
  },
  {
    name: 'gateway killed',
    weight: 1,
    restartsGateway: true,
    strike: ({ gateway }) => gateway.kill(),
  },
  {
    name: 'gateway stopped',
    weight: 1,
    restartsGateway: true,
    strike: async ({ gateway }) => {
      await gateway.stop()
    },
  },
]

async function meterFault(
  { herds, devicesEach }: SoakSite,
  dice: Dice,
  command: SimCommand,
): Promise<void> {
  const herd = herds[dice.between(0, herds.length - 1)]
  await herd?.ask({ do: 'fault', place: dice.between(0, devicesEach - 1), command })
}

/** Leaves this share of the file system free, for a while. */
async function fillFor(folder: string, share: number): Promise<void> {
  const filler = join(folder, FILLER)
  const { bavail, blocks, bsize } = statfsSync(folder)
  const bytes = Math.max(0, Math.floor((bavail - blocks * share) * bsize))
  try {
    await writeFile(filler, new Uint8Array(bytes))
  } catch {
    // Others wrote meanwhile: it is as full as it was to be.
  }
  await pause(WINDOW_MS)
  await rm(filler, { force: true })
}

/** Bytes in use on the file system, without what a fault put there; undefined in a fault. */
export function usedBytes({ diskFolder }: SoakSite): number {
  const { bfree, blocks, bsize } = statfsSync(diskFolder)
  return (blocks - bfree) * bsize
}

/**
 * Strikes until `endMs`; after `calmGatewayMs` nothing restarts the gateway any more.
 * @returns how often each fault struck
 */
export async function strikeUntil(
  site: SoakSite,
  dice: Dice,
  calmGatewayMs: number,
  endMs: number,
): Promise<Readonly<Record<string, number>>> {
  const counts: Record<string, number> = {}
  while (performance.now() < endMs) {
    const isEarly = performance.now() < calmGatewayMs
    const possible = faults.filter(({ restartsGateway }) => isEarly || !restartsGateway)
    const fault = pick(possible, dice)
    counts[fault.name] = (counts[fault.name] ?? 0) + 1
    await fault.strike(site, dice)
    await pause(dice.between(PAUSE_MS_MIN, PAUSE_MS_MAX))
  }
  return counts
}

function pick(possible: readonly Fault[], dice: Dice): Fault {
  const tickets = possible.flatMap((fault) => Array.from({ length: fault.weight }, () => fault))
  return present(tickets[dice.between(0, tickets.length - 1)], 'a fault')
}

/** Starts the gateway again whenever it has ended, as a service manager does. */
export async function keepRunning(gateway: Place, isOver: () => boolean): Promise<number> {
  let starts = 0
  while (!isOver()) {
    await pause(1_000)
    if (gateway.isRunning() || isOver()) continue
    starts += 1
    await gateway.kill()
    // On a full disk it cannot start; the next try comes soon.
    await gateway.start().catch(() => undefined)
  }
  return starts
}

export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}
