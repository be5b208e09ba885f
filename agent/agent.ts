/**
 * The agent: meters on one side, the gateway on the other, an account for each meter between them.
 * It never ends because something else is away.
 * @module
 */
import type { Connector, Disk, Ports, SerialOpener } from '../ports/index.ts'
import type { Welcome } from '../protocol/messages.ts'
import {
  decodeAccept,
  decodeAck,
  decodeReject,
  decodeSlot,
  decodeSupply,
} from '../protocol/messages.ts'
import type { DownName } from '../protocol/topics.ts'
import type { Account } from './account.ts'
import { createAccount } from './account.ts'
import type { AgentClock } from './agentClock.ts'
import { createAgentClock } from './agentClock.ts'
import type { AgentConfig, AgentMeterConfig } from './config.ts'
import { domainOf, meterConfigOf, ownLimitsOf } from './config.ts'
import type { Signer } from './epochs.ts'
import { createEpochs } from './epochs.ts'
import type { MeterEvent, MeterLink } from './meters/supervisor.ts'
import { startMeter } from './meters/supervisor.ts'
import { paidReading, payableTicks, shownTicks } from './payerState.ts'
import type { Records } from './records.ts'
import { openRecords } from './records.ts'
import type { Session } from './session.ts'
import { newerMark, startSession } from './session.ts'
import type { StateReport } from './stateReport.ts'
import { startStateReport } from './stateReport.ts'
import type { AgentStatus, MeterView } from './status.ts'
import { connectionOf, encodeOffline, encodeState, meterStatus, sumSignatures } from './status.ts'
import type { KnownTariff } from './tariffs.ts'
import { verifyTariffs } from './tariffs.ts'
import type { TickSender } from './tickSender.ts'
import { createTickSender } from './tickSender.ts'

export type AgentWorld = {
  readonly ports: Ports
  readonly connector: Connector
  readonly openSerial: SerialOpener
  /** The state folder. */
  readonly disk: Disk
  readonly signer: Signer
  /** 32 bytes of which all hash chains are derived. */
  readonly rootSecret: Uint8Array
  readonly version: string
}

export type Agent = {
  readonly status: () => AgentStatus
  /** Supply off, the last ticks paid if the gateway is there, then everything closed. */
  readonly close: () => Promise<void>
}

type MeterUnit = {
  readonly account: Account
  readonly link: MeterLink
  view: MeterView
}

type Running = {
  readonly config: AgentConfig
  readonly world: AgentWorld
  readonly records: Records
  readonly clock: AgentClock
  readonly meters: Map<string, MeterUnit>
  /** Slot numbers as the gateway gave them. */
  readonly slots: Map<number, Account>
  tariffProblem: string | undefined
  session: Session
  sender: TickSender
  report: StateReport
}

const TICK_MS = 1_000
/** Longest wait for the meters to stop and for the last acknowledgement. */
const SETTLE_MS_MAX = 3_000
const SETTLE_STEP_MS = 50

/**
 * Starts an agent. What is away now is waited for.
 * @throws OperatorError when its own folder cannot be read
 */
export async function startAgent(config: AgentConfig, world: AgentWorld): Promise<Agent> {
  const records = await openRecords(world.disk, world.ports.log)
  const running = assemble(config, world, records)
  for (const meter of config.meters) running.meters.set(meter.name, startUnit(running, meter))
  const cancel = world.ports.timers.every(TICK_MS, () => {
    for (const { account } of running.meters.values()) account.tick()
  })
  return {
    status: () => statusOf(running),
    close: async () => {
      await settle(running)
      cancel()
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

function startUnit(running: Running, meter: AgentMeterConfig): MeterUnit {
  const { clock, config, records, world } = running
  const { name } = meter
  const saved = records.meter(name)
  const link = startMeter(meterConfigOf(meter), {
    ports: world.ports,
    openSerial: world.openSerial,
    saved: saved.reader,
    save: (reader) => records.save(name, { reader }),
    onEvent: (event) => takeMeterEvent(running, meter, event),
  })
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
  return { account, link, view }
}

function seenNow(running: Running, name: string) {
  const payer = running.meters.get(name)?.account.payer()
  return {
    atSeconds: running.clock.now().seconds,
    units: payer?.reading,
    unitsPaid: payer && paidReading(payer),
  }
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

function takeWelcome(running: Running, welcome: Welcome): void {
  const { config, records, report, world } = running
  records.setMark(newerMark(records.mark(), welcome.mark))
  const { id, key } = config.gateway
  const { known, rejected } = verifyTariffs(domainOf(config), id, key, welcome.tariffs)
  running.tariffProblem =
    rejected > 0 ? 'the gateway sent a tariff that its key did not sign' : undefined
  if (running.tariffProblem) world.ports.log('error', running.tariffProblem, { rejected })
  giveTariffs(running, known)
  report.online()
}

function giveTariffs(running: Running, tariffs: readonly KnownTariff[]): void {
  for (const { account } of running.meters.values()) account.takeTariffs(tariffs)
}

function goOffline(running: Running): void {
  running.sender.reset()
  running.slots.clear()
  for (const { account } of running.meters.values()) account.goOffline()
}

/** What cannot be read is left alone: nothing of it is this protocol's. */
function takeMessage(running: Running, name: DownName, payload: Uint8Array): void {
  const { records, slots } = running
  if (name === 'slot') {
    takeSlot(running, payload)
  } else if (name === 'ack') {
    const ack = decodeAck(payload)
    if (!ack) return
    records.setMark(newerMark(records.mark(), ack.mark))
    for (const entry of ack.entries) slots.get(entry.slot)?.takeAck(entry)
  } else if (name === 'accept') {
    const accept = decodeAccept(payload)
    if (!accept) return
    records.setMark(newerMark(records.mark(), accept.mark))
    slots.get(accept.slot)?.takeAccept(accept)
  } else if (name === 'reject') {
    takeReject(running, payload)
  } else if (name === 'supply') {
    const notice = decodeSupply(payload)
    if (notice) slots.get(notice.slot)?.takeSupply(notice)
  }
}

function takeSlot(running: Running, payload: Uint8Array): void {
  const slot = decodeSlot(payload)
  const unit = slot && running.meters.get(slot.channel.meter)
  if (!slot || !unit) {
    const meter = slot?.channel.meter ?? 'unknown'
    running.world.ports.log('warn', 'a channel of a meter that is not configured', { meter })
    return
  }
  running.slots.set(slot.slot, unit.account)
  unit.account.takeSlot(slot)
}

function takeReject(running: Running, payload: Uint8Array): void {
  const reject = decodeReject(payload)
  if (!reject) return
  const account = running.slots.get(reject.slot)
  account?.takeReject(reject)
  if (!account) {
    const { refused, reason } = reject
    running.world.ports.log('error', 'the gateway refused a message', { refused, reason })
  }
  if (reject.reason === 'unknown_channel') running.session.resync()
}

function statusOf(running: Running): AgentStatus {
  const { clock, config, session, tariffProblem, world } = running
  const meters = [...running.meters.values()].map(({ account, view }) => meterStatus(account, view))
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

/** Orders supply off and waits until the meters stand still and the last tick is acknowledged. */
async function settle(running: Running): Promise<void> {
  const { clock, timers } = running.world.ports
  for (const { account } of running.meters.values()) account.stop()
  const untilMs = clock.monotonicMs() + SETTLE_MS_MAX
  while (clock.monotonicMs() < untilMs && ![...running.meters.values()].every(isSettled)) {
    await new Promise<void>((resolve) => {
      timers.after(SETTLE_STEP_MS, resolve)
    })
  }
}

function isSettled({ account, view }: MeterUnit): boolean {
  const payer = account.payer()
  if (view.event?.state === 'reading' && view.relayClosed) return false
  if (!payer.online || payer.halt) return true
  const { acked, next, offer, running } = payer
  if (!running) return true
  const isShown = payableTicks(payer) === shownTicks(payer)
  return !offer && isShown && !next?.shown && running.shown === acked
}

async function shutDown(running: Running): Promise<void> {
  const { config, records, report, session, world } = running
  report.close()
  await Promise.all([...running.meters.values()].map(({ link }) => link.close()))
  await session.publishState(encodeOffline(config.device, world.version))
  await session.close()
  for (const name of running.meters.keys()) {
    await records.save(name, { seen: seenNow(running, name) }).catch(() => undefined)
  }
}
