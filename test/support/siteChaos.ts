/**
 * Kills programs and breaks connections of a site at random moments, starts them again, and watches
 * all the while that no book says less than it said before.
 * @module
 */
import type { Dice } from '../../firmware-sim/dice.ts'
import type { Place, RealDevice, RealSite } from './siteReal.ts'

/** Register up to which units are paid, by whoever says so. */
export type Highest = { agent: bigint; gateway: bigint }

export type Chaos = {
  /** One line for each thing that must never be. */
  readonly violations: readonly string[]
  readonly kills: Readonly<Record<string, number>>
  readonly observations: number
  readonly highest: (device: string) => Readonly<Highest>
}

const pauseMsMax = 700
/** Half of all restarts come at once; the others take up to this long. */
const downMsMax = 2_000
const watchEveryMs = 100

type Watch = {
  readonly site: RealSite
  readonly violations: string[]
  readonly highest: Map<string, Highest>
  observations: number
}

/** How long it goes on: a time, or programs that were killed and started again. */
export type RageLimit = { readonly ms: number } | { readonly cycles: number }

/** Goes on to its limit; everything runs again when it resolves. */
export async function rage(site: RealSite, dice: Dice, limit: RageLimit): Promise<Chaos> {
  const startMs = performance.now()
  let cycles = 0
  let over = false
  const isOver = () =>
    'ms' in limit ? performance.now() - startMs >= limit.ms : cycles >= limit.cycles
  const kills: Record<string, number> = {}
  const watch: Watch = { site, violations: [], highest: new Map(), observations: 0 }
  const watching = keepWatching(watch, () => over)
  const restarts = new Set<Promise<void>>()
  while (!isOver()) {
    const victim = pickVictim(site, dice)
    const name = typeof victim === 'string' ? victim : victim.name
    if (typeof victim === 'string') {
      kills[name] = (kills[name] ?? 0) + 1
      breakConnections(site, dice, victim)
    } else if (victim.isRunning()) {
      kills[name] = (kills[name] ?? 0) + 1
      cycles += 1
      const downMs = dice.between(0, 1) === 0 ? 0 : dice.between(0, downMsMax)
      const restart = killAndRestart(victim, downMs).catch((error: unknown) => {
        watch.violations.push(String(error))
      })
      restarts.add(restart)
      void restart.then(() => restarts.delete(restart))
    }
    await pause(dice.between(20, pauseMsMax))
  }
  await Promise.all(restarts)
  over = true
  await watching
  return {
    violations: watch.violations,
    kills,
    observations: watch.observations,
    highest: (device) => watch.highest.get(device) ?? { agent: 0n, gateway: 0n },
  }
}

function pickVictim(site: RealSite, dice: Dice): Place | 'one connection' | 'all connections' {
  const { agents, gateway, meters } = site
  const choices = [...agents, ...meters, gateway, 'one connection', 'all connections'] as const
  return choices[dice.between(0, choices.length - 1)] ?? gateway
}

function breakConnections(site: RealSite, dice: Dice, which: string): void {
  if (which === 'all connections') site.proxy.breakAll()
  else site.proxy.breakOne(dice.between(0, 7))
}

async function killAndRestart(victim: Place, downMs: number): Promise<void> {
  await victim.kill()
  await pause(downMs)
  await victim.start()
}

async function keepWatching(watch: Watch, isOver: () => boolean): Promise<void> {
  while (!isOver()) {
    await look(watch)
    await pause(watchEveryMs)
  }
}

/** Agents first: what they were told, the gateway must hold from then on. */
async function look(watch: Watch): Promise<void> {
  const { site } = watch
  for (const place of [...site.agents, ...site.meters, site.gateway]) {
    const lost = place.lost()
    if (lost !== undefined && !watch.violations.includes(lost)) watch.violations.push(lost)
  }
  for (const device of site.devices) {
    const status = await site.agentStatus(device)
    const paid = status?.meters[0]?.unitsPaid ?? undefined
    if (paid !== undefined) noteAgent(watch, device, BigInt(paid))
  }
  const channels = await site.channels()
  for (const device of site.devices) {
    const channel = channels?.find((one) => one.device === device.device)
    if (channel === undefined || channel.epoch === 0) continue
    noteGateway(watch, device, channel.startReading + channel.unitsPaid)
  }
}

function noteAgent(watch: Watch, { device }: RealDevice, paid: bigint): void {
  watch.observations += 1
  const highest = highestOf(watch, device)
  if (paid < highest.agent) {
    watch.violations.push(`agent ${device}: ${paid} acknowledged after ${highest.agent}`)
  }
  if (paid > highest.agent) highest.agent = paid
}

function noteGateway(watch: Watch, device: RealDevice, paid: bigint): void {
  watch.observations += 1
  const name = device.device
  const highest = highestOf(watch, name)
  const register = watch.site.register(device)
  if (paid < highest.gateway) {
    watch.violations.push(`gateway: ${name} ${paid} after ${highest.gateway}`)
  }
  if (paid < highest.agent) {
    watch.violations.push(`gateway: ${name} ${paid}, ${highest.agent} was acknowledged`)
  }
  if (paid > register) watch.violations.push(`${name}: ${paid} paid, the meter shows ${register}`)
  if (paid > highest.gateway) highest.gateway = paid
}

function highestOf({ highest }: Watch, device: string): Highest {
  const known = highest.get(device) ?? { agent: 0n, gateway: 0n }
  highest.set(device, known)
  return known
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}
