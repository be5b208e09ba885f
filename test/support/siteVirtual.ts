/**
 * A site on virtual time: the real gateway with its ledger, real agents, and simulated meters at
 * the end of virtual cables.
 * @module
 */
import { loadModbus } from '../../agent/meters/modbusMaster.ts'
import type { GatewayConfig } from '../../gateway/config.ts'
import { present } from '../../protocol/assert.ts'
import { type Books, settledBy } from './siteFigures.ts'
import { type DevicePlan, type SiteDevice, startDevice } from './siteVirtualDevice.ts'
import {
  enrolTestFleet,
  testConfig,
  virtualWorld,
  type World,
  type WorldOptions,
} from './virtualGateway.ts'

export type { SiteDevice }

export type VirtualSite = {
  readonly world: World
  readonly devices: readonly SiteDevice[]
  readonly device: (name: string) => SiteDevice
  /** The gateway's counters. */
  readonly counters: () => Promise<GatewayCounters>
  /** The gateway's report of one device's channel. */
  readonly channel: (device: string) => Promise<ChannelView>
  readonly advanceSeconds: (seconds: number) => Promise<void>
  /** Moves time on in steps of `stepMs` until it is so; fails after `limitSeconds`. */
  readonly until: (
    what: string,
    isSo: () => boolean | Promise<boolean>,
    limitSeconds?: number,
  ) => Promise<void>
  /** Runs what waits for virtual time. */
  readonly during: <T>(work: Promise<T>) => Promise<T>
  /** Stops the agents, then the meters, settles, and reads all books. */
  readonly close: () => Promise<Books>
}

export type GatewayCounters = {
  readonly accepted: number
  readonly acceptedAmount: string
  readonly settled: string
  readonly unsettled: string
  readonly settlements: number
  readonly refused: Readonly<Record<string, number>>
  readonly ledgerSum: string
  readonly signatures: {
    readonly connects: number
    readonly times: number
    readonly tariffs: number
    readonly commitments: {
      readonly opened: number
      readonly renewals: number
      readonly checkpoints: number
    }
  }
}

export type ChannelView = {
  readonly epoch: number
  readonly index: number
  readonly startReading: string
  readonly unitsPaid: string
  readonly paid: string
  readonly settled: string
  readonly reserved: string
  readonly creditUnits: string
  readonly supply: string
  readonly reason: string
}

export type SitePlan = {
  readonly config?: Partial<GatewayConfig>
  readonly deposit?: bigint
  readonly devices: readonly DevicePlan[]
  readonly options?: WorldOptions
}

const stepMs = 50

/** Builds it and starts everything; time has not moved yet, so nothing is connected. */
export async function virtualSite(plan: SitePlan): Promise<VirtualSite> {
  // Loading a module takes real time, which virtual time would not wait for.
  await loadModbus()
  const world = await virtualWorld(testConfig(plan.config), plan.options)
  await world.time.advance(0)
  await enrolTestFleet(world, plan.deposit)
  const devices: SiteDevice[] = []
  for (const one of plan.devices) devices.push(await startDevice(world, one, devices.length))
  const call = async (verb: string, args: unknown) => world.gateway.call(verb, args)
  const site: VirtualSite = {
    world,
    devices,
    device: (name) =>
      present(
        devices.find(({ plan: own }) => own.device === name),
        name,
      ),
    counters: async () => (await call('status', {})) as GatewayCounters,
    channel: async (device) => {
      const [channel] = (await call('channels', { fleet: 'acme', device })) as ChannelView[]
      return present(channel, `a channel of ${device}`)
    },
    advanceSeconds: (seconds) => world.time.advance(seconds * 1_000),
    until: async (what, isSo, limitSeconds = 60) => {
      for (let passedMs = 0; passedMs < limitSeconds * 1_000; passedMs += stepMs) {
        if (await isSo()) return
        await world.time.advance(stepMs)
      }
      throw new Error(`${what}: not within ${limitSeconds} s`)
    },
    during: async (work) => {
      let done = false
      const watched = work.finally(() => {
        done = true
      })
      watched.catch(() => undefined)
      while (!done) await world.time.advance(stepMs)
      return watched
    },
    close: async () => {
      await site.during(Promise.all(devices.map(({ agent }) => agent.close())))
      await site.during(Promise.all(devices.map(({ meter }) => meter.close())))
      await site.during(world.gateway.settle())
      return booksOf(site)
    },
  }
  return site
}

/** All books, each from its own source. */
export async function booksOf(site: VirtualSite): Promise<Books> {
  const { world } = site
  const { acceptedAmount, unsettled, ledgerSum } = await site.counters()
  const pages = { limit: 10_000 }
  const { entries } = (await world.gateway.call('ledger_entries', pages)) as EntriesPage
  const devices = site.devices.map(async (one) => {
    const { device, meter, unit = 'Wh' } = one.plan
    const channel = await site.channel(device)
    const tariff = present(
      world.gateway.core.config.tariffs.find((each) => each.unit === unit),
      'a tariff',
    )
    const unitsPaid = BigInt(channel.unitsPaid)
    return {
      device,
      units: one.keptRegister() - BigInt(String(meter?.initialRegister ?? 0)),
      unitsPaid,
      unitsUnpaid: BigInt(one.status().unitsUnpaid),
      creditUnits: BigInt(channel.creditUnits),
      unitsPerTick: tariff.unitsPerTick,
      paid: BigInt(channel.paid),
      due: (unitsPaid / tariff.unitsPerTick) * tariff.pricePerTick,
    }
  })
  return {
    devices: await Promise.all(devices),
    accepted: BigInt(acceptedAmount),
    settled: settledBy(entries),
    unsettled: BigInt(unsettled),
    ledgerSum: BigInt(ledgerSum),
  }
}

type EntriesPage = { readonly entries: Parameters<typeof settledBy>[0] }
