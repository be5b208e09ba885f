/**
 * The agent: meters on one side, the gateway on the other, an account for each meter between them.
 * It never ends because something else is away.
 * @module
 */
import { assert } from '../protocol/assert.ts'
import { encodeReading } from '../protocol/messages.ts'
import { createAccount } from './account.ts'
import { createAgentClock } from './agentClock.ts'
import type { AgentConfig, AgentMeterConfig } from './config.ts'
import { domainOf, meterConfigOf, ownLimitsOf } from './config.ts'
import { createEpochs } from './epochs.ts'
import { goOffline, lacks, takeMessage, takeWelcome } from './inbox.ts'
import type { MeterEvent } from './meters/supervisor.ts'
import { startMeter } from './meters/supervisor.ts'
import { applyOrders } from './orderKeeper.ts'
import { createReceiptBook } from './receipts.ts'
import type { Records } from './records.ts'
import { openRecords } from './records.ts'
import { keepRelay, type RelayKeeper, withRelay } from './relays/relayKeeper.ts'
import type { AgentWorld, MeterUnit, Running } from './runningAgent.ts'
import { seenNow } from './runningAgent.ts'
import { startSession } from './session.ts'
import { startStateReport } from './stateReport.ts'
import type { AgentStatus } from './status.ts'
import { connectionOf, encodeOffline, encodeState, meterStatus, sumSignatures } from './status.ts'
import { settle, shutDown } from './stopAgent.ts'
import { createTickSender } from './tickSender.ts'

export type { AgentWorld } from './runningAgent.ts'

export type Agent = {
  readonly status: () => AgentStatus
  /** Supply off, the last ticks paid if the gateway is there, then everything closed. */
  readonly close: () => Promise<void>
}

const TICK_MS = 1_000
/** Readings are for people, who look every now and then. */
const READING_MS = 30_000
/** What the gateway did not tell of, or may tell otherwise by now, is asked for again. */
const MISSING_MS = 120_000

/**
 * Starts an agent. What is away now is waited for.
 * @throws OperatorError when its own folder cannot be read
 */
export async function startAgent(config: AgentConfig, world: AgentWorld): Promise<Agent> {
  const records = await openRecords(world.disk, world.ports.log)
  const running = assemble(config, world, records)
  for (const meter of config.meters) {
    const keeper = await openKeeper(world, meter)
    running.meters.set(meter.name, startUnit(running, meter, keeper))
  }
  const { timers } = world.ports
  const cancels = [
    timers.every(TICK_MS, () => {
      applyOrders(running)
      for (const { account } of running.meters.values()) account.tick()
    }),
    timers.every(READING_MS, () => sendReadings(running)),
    timers.every(MISSING_MS, () => askForMissing(running)),
  ]
  return {
    status: () => statusOf(running),
    close: async () => {
      await settle(running)
      for (const cancel of cancels) cancel()
      await shutDown(running)
    },
  }
}

function assemble(config: AgentConfig, world: AgentWorld, records: Records): Running {
  const { ports } = world
  const clock = createAgentClock(ports.clock)
  const sender = createTickSender(ports, async (payload) => {
    if (!(await running.session.publish('tick', payload))) throw new Error('offline')
  })
  const session = startSession(
    {
      fleet: config.fleet,
      device: config.device,
      gateway: config.gateway,
      domain: domainOf(config),
      keepaliveSeconds: config.keepaliveSeconds,
    },
    {
      ports,
      connector: world.connector,
      clock,
      signer: world.signer,
      hello: () => ({
        mark: records.mark(),
        meters: config.meters.map(({ name, unit }) => ({ meter: name, unit })),
      }),
      will: () => encodeOffline(config.device, world.version),
      onWelcome: (welcome) => takeWelcome(running, welcome),
      onMessage: (name, payload) => takeMessage(running, name, payload),
      onOffline: () => goOffline(running),
    },
  )
  const report = startStateReport(
    ports.timers,
    () => encodeState(statusOf(running)),
    (payload) => session.publishState(payload),
  )
  const running: Running = {
    config,
    world,
    records,
    receipts: createReceiptBook(
      { domain: domainOf(config), gateway: config.gateway.id, key: config.gateway.key },
      records,
      ports.log,
    ),
    clock,
    meters: new Map(),
    slots: new Map(),
    tariffProblem: undefined,
    session,
    sender,
    report,
  }
  return running
}

async function openKeeper(
  { openRelay, ports }: AgentWorld,
  { name, relay }: AgentMeterConfig,
): Promise<RelayKeeper | undefined> {
  if (!relay) return undefined
  assert(openRelay !== undefined, 'who configures relays can open them')
  return keepRelay(name, await openRelay(relay), ports)
}

function startUnit(
  running: Running,
  meter: AgentMeterConfig,
  keeper: RelayKeeper | undefined,
): MeterUnit {
  const { clock, config, records, world } = running
  const { name } = meter
  const saved = records.meter(name)
  const own = startMeter(meterConfigOf(meter), {
    ports: world.ports,
    openSerial: world.openSerial,
    saved: saved.reader,
    save: (reader) => records.save(name, { reader }),
    onEvent: (event) => takeMeterEvent(running, meter, keeper?.takeEvent(event) ?? event),
  })
  const link = keeper ? withRelay(own, keeper) : own
  const account = createAccount(
    { meter: name, unit: meter.unit, own: ownLimitsOf(meter), record: saved.limits },
    {
      identity: {
        domain: domainOf(config),
        fleet: config.fleet,
        device: config.device,
        gateway: config.gateway.id,
        publicKey: world.signer.publicKey,
        fleetSigner: config.fleetSigner,
      },
      epochs: createEpochs(domainOf(config), world.signer, world.rootSecret),
      log: world.ports.log,
      now: clock.now,
      send: (topic, payload) => void running.session.publish(topic, payload),
      show: running.sender.show,
      forgetTicks: running.sender.forget,
      order: (order) => {
        if (order.kind === 'on_until') link.supplyOnUntil(order.units)
        else link.supplyOff()
      },
      counted: link.raiseFloor,
      save: (limits) => records.save(name, { limits, seen: seenNow(running, name) }),
      resync: () => running.session.resync(),
    },
  )
  const view = { event: undefined, units: undefined, relayClosed: undefined, problem: undefined }
  return { account, link, view, told: undefined }
}

function takeMeterEvent(running: Running, meter: AgentMeterConfig, event: MeterEvent): void {
  const unit = running.meters.get(meter.name)
  if (!unit) return
  if (event.state === 'away') {
    unit.view = { ...unit.view, event, relayClosed: undefined }
    running.world.ports.log('warn', 'the meter is away', {
      meter: meter.name,
      reason: event.reason,
    })
    return
  }
  const isWrong = event.unit !== undefined && event.unit !== meter.unit
  const problem = isWrong
    ? `the meter counts ${event.unit}, but its configuration says ${meter.unit}: nothing is paid`
    : undefined
  unit.view = { event, units: event.units, relayClosed: event.relayClosed, problem }
  if (!isWrong) unit.account.takeReading(event.units)
}

function askForMissing(running: Running): void {
  const units = [...running.meters.values()]
  const isMissing = units.some(({ account }) => lacks(running, account))
  // The gateway's clock may have been corrected since it was taken over.
  if (isMissing || running.clock.isTakenOver()) running.session.resync()
}

function sendReadings(running: Running): void {
  for (const unit of running.meters.values()) {
    const { facts, online, reading } = unit.account.payer()
    if (!online || !facts || reading === undefined || reading === unit.told) continue
    unit.told = reading
    const payload = encodeReading({ slot: facts.slot, register: reading })
    void running.session.publish('reading', payload)
  }
}

function statusOf(running: Running): AgentStatus {
  const { clock, config, session, tariffProblem, world } = running
  const meters = [...running.meters.values()].map(({ account, view }) =>
    meterStatus(account, view, running.receipts),
  )
  const status = session.status()
  return {
    version: world.version,
    fleet: config.fleet,
    device: config.device,
    gateway: config.gateway.id,
    timeSeconds: clock.now().seconds,
    ...connectionOf(status),
    signatures: { commitments: sumSignatures(meters), connects: status.connects },
    problems: tariffProblem ? [tariffProblem] : [],
    meters,
  }
}
