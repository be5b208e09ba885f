/**
 * Waiting until a real site is well, and stopping it in order.
 * @module
 */
import type { Place, RealDevice, RealSite } from './siteReal.ts'

/** The longest pause between two attempts of an agent to connect, and some time to be served. */
export const recoverySeconds = 90

const lookEveryMs = 100

/** Resolves when all agents are connected, read their meters and are supplied by themselves. */
export async function allWell(site: RealSite): Promise<void> {
  await Promise.all(site.devices.map((device) => oneWell(site, device)))
}

async function oneWell(site: RealSite, device: RealDevice): Promise<void> {
  const endMs = performance.now() + recoverySeconds * 1_000
  let seen = 'nothing'
  let first: string | null | undefined
  while (performance.now() < endMs) {
    const status = await site.agentStatus(device)
    const [meter] = status?.meters ?? []
    seen = JSON.stringify(status)
    if (status?.connection === 'online' && meter?.relayClosed) {
      // A state that is still to be noticed would not let the meter move on.
      first ??= meter.units
      if (meter.units !== first) return
    }
    await new Promise((resolve) => setTimeout(resolve, lookEveryMs))
  }
  const places = [...site.agents, ...site.meters, site.gateway]
  const lost = places.map((place) => place.lost()).filter((line) => line !== undefined)
  throw new Error(`${device.device} does not recover: ${seen} ${lost.join('; ')}`)
}

/** What `stopAll` answers when every program ended as it should. */
export const cleanStop: readonly string[] = []

/** SIGTERM to agents, then meters, then the gateway; a line for each that did not end with 0. */
export async function stopAll({ agents, meters, gateway }: RealSite): Promise<readonly string[]> {
  const wrong: string[] = []
  for (const places of [agents, meters, [gateway]]) {
    await Promise.all(places.map((place) => stopOne(place, wrong)))
  }
  return wrong
}

async function stopOne(place: Place, wrong: string[]): Promise<void> {
  const code = await place.stop()
  if (code !== 0) wrong.push(`${place.name} ended with ${code}: ${place.said().at(-1)}`)
}
