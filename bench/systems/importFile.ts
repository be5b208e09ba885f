/**
 * Makes a file of channels with their evidence, with as many processes as there are cores.
 * @module
 */
import { createReadStream, createWriteStream } from 'node:fs'
import { readFile, writeFile } from 'node:fs/promises'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { importMark } from '../../gateway/import/records.ts'
import { startTold } from '../children.ts'
import type { ImportPart } from '../load/importPart.ts'
import type { DevicePlan, GatewayPlan, OpenedPlan } from '../load/messages.ts'
import { benchFleet, deviceId } from './system.ts'

const ID_BYTES = 32
/** Commitments last for longer than any case. */
const EPOCH_SECONDS = 86_400

export type ImportShape = {
  /** Devices with the numbers 1 to so many. */
  readonly devices: number
  readonly channelsPerDevice: number
  /** Position of the first channel. */
  readonly position: number
  /** Ticks of each channel's first epoch. */
  readonly length: number
}

/** Writes the file into `folder`; what its devices need to know to go on. */
export async function writeImportFile(
  folder: string,
  plan: GatewayPlan,
  { devices, channelsPerDevice, position, length }: ImportShape,
): Promise<{ readonly file: string; readonly devices: readonly DevicePlan[] }> {
  const issuedAt = Math.floor(Date.now() / 1_000)
  const opened: OpenedPlan = { length, issuedAt, expiry: issuedAt + EPOCH_SECONDS }
  const count = Math.min(devices, availableParallelism())
  const share = Math.ceil(devices / count)
  const parts: ImportPart[] = Array.from({ length: count }, (_, number) => ({
    records: join(folder, `records-${number}`),
    ids: join(folder, `ids-${number}`),
    from: 1 + number * share,
    to: 1 + Math.min(devices, (number + 1) * share),
    channelsPerDevice,
    position,
    plan,
    opened,
  }))
  await Promise.all(parts.map(writePart))
  const file = join(folder, 'channels.tpci')
  await writeFile(file, importMark)
  const ids: Buffer[] = []
  for (const part of parts) {
    await pipeline(createReadStream(part.records), createWriteStream(file, { flags: 'a' }))
    ids.push(await readFile(part.ids))
  }
  return { file, devices: plansOf(Buffer.concat(ids), devices, channelsPerDevice, opened) }
}

function writePart(part: ImportPart): Promise<void> {
  const child = startTold('load/importPartProgram', [])
  child.process.send(part)
  return new Promise((resolve, reject) => {
    child.process.once('exit', (code) => {
      if (code === 0) resolve()
      else reject(new Error(`the records of an import were not written (${code})`))
    })
  })
}

function plansOf(
  ids: Buffer,
  devices: number,
  channels: number,
  opened: OpenedPlan,
): readonly DevicePlan[] {
  return Array.from({ length: devices }, (_, place) => {
    const channelIds = Array.from({ length: channels }, (_unused, slot) => {
      const at = (place * channels + slot) * ID_BYTES
      return new Uint8Array(ids.subarray(at, at + ID_BYTES))
    })
    return { fleet: benchFleet, device: deviceId(place + 1), channelIds, opened }
  })
}
