/**
 * How the faults of later seeds come about.
 * @module
 */
import type { Scene } from './faults.ts'
import { backUp, restore } from './faults.ts'
import { fleetName } from './fleet.ts'
import type { WiderFaultKind } from './wider.ts'
import { widerTricks } from './widerCrook.ts'

type Act = (scene: Scene) => Promise<void> | void

export const widerActs: Readonly<Record<WiderFaultKind, Act>> = {
  fleet_refuses: (scene) => behave(scene, 'refuses'),
  fleet_sits: (scene) => behave(scene, 'sits'),
  change_settlement: ({ gateway, dice }) => {
    const { cosignSeconds = 0, ...settlement } = gateway.config.settlement
    const next = cosignSeconds > 0 ? settlement : { ...settlement, cosignSeconds: 3 }
    gateway.config = { ...gateway.config, settlement: next }
    gateway.crash(dice.between(0, 600), dice)
  },
  // So long that what waits for the fleet expires; the other clocks go as they do.
  outlast_statement: async ({ gateway, world, fault }) => {
    gateway.clock.offsetMs = 140_000
    world.ports.timers.after(Math.min(fault.forMs, 2_000), () => {
      gateway.clock.offsetMs = 0
      for (const { plan } of world.devices) gateway.network.cut(plan.device)
    })
    await gateway.call('settle', {})
  },
  lie_at_ledger: async ({ gateway, world, dice, fault }) => {
    gateway.liar.ledgerDice = dice
    world.ports.timers.after(fault.forMs, () => {
      gateway.liar.ledgerDice = undefined
    })
    await gateway.call('settle', {})
  },
  early_withdrawal: async ({ gateway, world, dice }) => {
    const reference = `early-${dice.between(1, 1_000_000)}`
    const amount = `${dice.between(1, 100)}`
    await gateway.call('ledger_withdraw', { fleet: fleetName, amount, reference })
    const before = world.ledger.clock.offsetMs
    // A mandate and its claim window have passed but for a moment.
    world.ledger.clock.offsetMs = before + dice.between(0, 1) * (8 * 86_400_000 - 5_000)
    const complete = { fleet: fleetName, reference }
    await gateway
      .call('ledger_complete_withdrawal', complete)
      .catch(() => undefined)
      .finally(() => {
        world.ledger.clock.offsetMs = before
      })
  },
  position_again: async ({ gateway, world, device, fault }) => {
    if (device.gateway !== gateway || !gateway.running()) return
    const backup = backUp(gateway)
    const [name] = device.meters.keys()
    if (name === undefined) return
    await world.fleet.replace(gateway, device.plan.device, { meter: name })
    world.restoresDue.add(backup)
    world.ports.timers.after(Math.max(fault.forMs, 5_000), () => {
      world.restoresDue.delete(backup)
      const again = async () => {
        await gateway.replaceStore(() => restore(gateway, backup))
        await world.fleet.replace(gateway, device.plan.device, { meter: name })
      }
      void again().catch(() => undefined)
    })
  },
  replay_login: async ({ device }) => {
    const login = device.lastLogin()
    if (!login) return
    const transport = await device.gateway.network.connect(login).catch(() => undefined)
    await transport?.close()
  },
  agent_away: ({ device, fault }) => device.crash(5_000 + Math.floor(fault.forMs / 2)),
  wider_crook: ({ world, dice }) => world.crook.try(widerTricks, dice),
}

function behave({ world, fault }: Scene, mode: 'refuses' | 'sits'): void {
  const { cosigning } = world
  cosigning.mode = mode
  world.ports.timers.after(fault.forMs, () => {
    cosigning.mode = 'signs'
    void cosigning.handOver().catch(() => undefined)
  })
}
