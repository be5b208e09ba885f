/**
 * The figures of a demo that has ended, each from its own source: register files of the meters,
 * the gateway's store opened again, what the agents left, the entries of the ledger.
 * @module
 */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import * as v from 'valibot'
import { parseRecord, RECORD_FILE } from '../../agent/records.ts'
import { meterSetup, parseMeterSimConfig } from '../../firmware-sim/config.ts'
import { register } from '../../firmware-sim/meter.ts'
import { restoreMeter } from '../../firmware-sim/saved.ts'
import type { ChannelReport } from '../../fleet/reports.ts'
import { OperatorError } from '../../ports/operatorError.ts'
import { channelsAnswer, type LedgerEntry, readAnswer } from '../answers.ts'
import { openCalls } from '../io/gatewayCalls.ts'
import { readEntries } from '../ledgerEntries.ts'
import { type GatewayStatus, statusAnswer } from '../live/look.ts'
import {
  type DemoDevice,
  demoAsset,
  demoDevices,
  demoMeter,
  deviceFolder,
  meterOptions,
} from './plan.ts'
import type { DeviceFigures, Figures } from './reconcile.ts'

/** Name of the file that tells a finished demo from any other folder. */
const noteFile = 'demo.json'

/**
 * What is not in any store: the lines that were used, and counters that the gateway keeps in
 * memory, as it told them last.
 */
export type DemoNote = {
  readonly link: string
  readonly refused: GatewayStatus['refused']
  readonly signatures: GatewayStatus['signatures']
}

const noteSchema = v.object({
  link: v.string(),
  refused: v.record(v.string(), v.number()),
  signatures: v.record(v.string(), v.unknown()),
})

export function notePath(folder: string): string {
  return join(folder, noteFile)
}

/**
 * Reads all books of the demo in `folder`.
 * @throws OperatorError when it holds no finished demo, or one of the books cannot be read
 */
export async function collectFigures(folder: string): Promise<Figures> {
  const note = await readNote(folder)
  const calls = await openCalls(
    { config: join(folder, 'gateway.yaml'), socket: undefined },
    () => {},
  )
  try {
    const status = readAnswer(statusAnswer, await calls.call('status', {}))
    const channels = readAnswer(channelsAnswer, await calls.call('channels', {}))
    const everything = { account: undefined, from: undefined, limit: undefined }
    const entries = await readEntries(calls, everything)
    const devices = await Promise.all(
      demoDevices.map((device) => deviceFigures(folder, device, note.link, channels)),
    )
    return {
      asset: demoAsset,
      devices,
      ticks: status.accepted,
      accepted: BigInt(status.acceptedAmount),
      refused: note.refused,
      unsettled: BigInt(status.unsettled),
      ...settledBy(entries),
      ledgerSum: BigInt(status.ledgerSum ?? '0'),
      signatures: note.signatures,
    }
  } finally {
    await calls.close()
  }
}

async function readNote(folder: string): Promise<DemoNote> {
  const text = await readText(notePath(folder), `${folder} holds no demo that has ended`)
  const result = v.safeParse(noteSchema, JSON.parse(text))
  if (result.success) return result.output
  throw new OperatorError(`${notePath(folder)} is not of this version; run the demo again`)
}

/** What the ledger paid out of allocations, and in how many settlements. */
function settledBy(entries: readonly LedgerEntry[]): Pick<Figures, 'settled' | 'settlements'> {
  const payments = entries.filter(
    ({ debit, credit }) => debit.startsWith('allocation:') && credit.startsWith('payee:'),
  )
  return {
    settled: payments.reduce((sum, { amount }) => sum + BigInt(amount), 0n),
    settlements: new Set(payments.map(({ reference }) => reference)).size,
  }
}

async function deviceFigures(
  folder: string,
  plan: DemoDevice,
  link: string,
  channels: readonly ChannelReport[],
): Promise<DeviceFigures> {
  const channel = channels.find(({ device }) => device === plan.device)
  if (channel === undefined) throw new OperatorError(`${plan.device} has no channel in the store`)
  const { device, kind, unit, unitsPerTick, initialRegister } = plan
  return {
    device,
    kind,
    link,
    unit,
    units: (await meterRegister(folder, plan)) - initialRegister,
    unitsPaid: channel.unitsPaid,
    unitsUnpaid: await unitsUnpaid(folder, plan),
    creditUnits: channel.creditUnits,
    unitsPerTick,
  }
}

/** The meter's own register, from its own file. */
async function meterRegister(folder: string, plan: DemoDevice): Promise<bigint> {
  const options = meterOptions(folder, plan, 'tcp-listen://127.0.0.1:0')
  const text = await readText(options.stateFile, `${plan.device}: the meter left no register`)
  const state = restoreMeter(text, meterSetup(parseMeterSimConfig(options), 0))
  if (state !== undefined) return register(state)
  throw new OperatorError(`${options.stateFile} holds no register; run the demo again`)
}

/** Whole ticks that the agent metered and knows to be unpaid, from the record that it left. */
async function unitsUnpaid(folder: string, plan: DemoDevice): Promise<bigint> {
  const path = join(deviceFolder(folder, plan), 'state', RECORD_FILE)
  const text = await readText(path, `${plan.device}: the agent left no record`)
  const seen = parseRecord(text)?.meters.get(demoMeter)?.seen
  if (seen?.units === undefined || seen.unitsPaid === undefined) {
    throw new OperatorError(`${path} holds no reading; run the demo again`)
  }
  const open = seen.units - seen.unitsPaid
  return open - (open % plan.unitsPerTick)
}

async function readText(path: string, missing: string): Promise<string> {
  return readFile(path, 'utf8').catch(() => {
    throw new OperatorError(`${missing} (cannot read ${path})`)
  })
}
