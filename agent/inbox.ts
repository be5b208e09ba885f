/**
 * What the gateway sends to this device, each message to the account it is for. What cannot be read
 * is left alone: nothing of it is this protocol's.
 * @module
 */
import { equalBytes } from '../protocol/bytes.ts'
import type { Slot, Welcome } from '../protocol/messages.ts'
import {
  decodeAccept,
  decodeAck,
  decodeReject,
  decodeSlot,
  decodeSupply,
} from '../protocol/messages.ts'
import { encodeReceiptRequest } from '../protocol/receipts.ts'
import type { DownName } from '../protocol/topics.ts'
import type { Account } from './account.ts'
import { domainOf } from './config.ts'
import { takeOrders } from './orderKeeper.ts'
import { currentTariff } from './payerState.ts'
import type { Running } from './runningAgent.ts'
import { newerMark } from './session.ts'
import { verifyTariffs } from './tariffs.ts'

/** The start of a session, or the answer to another hello. */
export function takeWelcome(running: Running, welcome: Welcome): void {
  const { config, records, report, world } = running
  records.setMark(newerMark(records.mark(), welcome.mark))
  const { id, key } = config.gateway
  const { known, rejected } = verifyTariffs(domainOf(config), id, key, welcome.tariffs)
  running.tariffProblem =
    rejected > 0 ? 'the gateway sent a tariff that its key did not sign' : undefined
  if (running.tariffProblem) world.ports.log('error', running.tariffProblem, { rejected })
  for (const { account } of running.meters.values()) account.takeTariffs(known)
  report.online()
}

/** The connection ended, and with it all slot numbers. */
export function goOffline(running: Running): void {
  running.sender.reset()
  running.slots.clear()
  for (const { account } of running.meters.values()) account.goOffline()
}

/** One message below `down/`, except the welcome. */
export function takeMessage(running: Running, name: DownName, payload: Uint8Array): void {
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
  } else if (name === 'receipt') {
    running.receipts.take(payload, running.meters)
  } else if (name === 'command') {
    takeOrders(running, payload)
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
  if (isSuperseded(unit.account, slot)) return
  const isNew = unit.account.channel() === undefined
  running.slots.set(slot.slot, unit.account)
  unit.account.takeSlot(slot)
  askForReceipt(running, slot)
  // A channel that was made while this session goes on comes without its prices.
  if (isNew && lacks(running, unit.account)) running.session.resync()
}

/** One that was missed, or that the disk has lost, comes again when it is asked for. */
function askForReceipt(
  { meters, receipts, session }: Running,
  { channel, held, slot }: Slot,
): void {
  const channelId = meters.get(channel.meter)?.account.payer().facts?.channelId
  if (!held || !channelId || receipts.newest(channel.meter, channelId)) return
  void session.publish('receipt', encodeReceiptRequest({ slot }))
}

/** A closed channel of a meter that has another one by now. */
function isSuperseded(account: Account, slot: Slot): boolean {
  const channel = account.channel()
  return (
    slot.supply.reason === 'closed' &&
    channel !== undefined &&
    !equalBytes(channel.salt, slot.channel.salt)
  )
}

/** True when the gateway has told nothing of this meter, or not its price. */
export function lacks(running: Running, account: Account): boolean {
  const payer = account.payer()
  return !payer.online || currentTariff(payer, running.clock.now()) === undefined
}

/** After these another hello brings what this device does not know. */
const asksAnew: ReadonlySet<string> = new Set(['unknown_channel', 'tariff_not_in_force'])

function takeReject(running: Running, payload: Uint8Array): void {
  const reject = decodeReject(payload)
  if (!reject) return
  const account = running.slots.get(reject.slot)
  account?.takeReject(reject)
  if (!account) {
    const { refused, reason } = reject
    // A gateway that has come back asks for hello in this way; that is no fault of anybody.
    const level = reason === 'unknown_channel' ? 'info' : 'error'
    running.world.ports.log(level, 'the gateway refused a message', { refused, reason })
  }
  if (asksAnew.has(reject.reason)) running.session.resync()
}
