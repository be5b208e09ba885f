/**
 * A program that writes some of the records of an import file: what devices and their fleet would
 * sign for so many channels. Every signature is real; the words follow from the channel's id, so
 * that whoever plays the device later has them too.
 * @module
 */
import { createHash } from 'node:crypto'
import { closeSync, openSync, writeSync } from 'node:fs'
import { makeMandate } from '../../fleet/policy.ts'
import { payeeAddress } from '../../gateway/config.ts'
import { encodeImportRecord } from '../../gateway/import/records.ts'
import { present } from '../../protocol/assert.ts'
import { bytesToHex, concatBytes } from '../../protocol/bytes.ts'
import { clientIdOf } from '../../protocol/connect.ts'
import { algorithmByte } from '../../protocol/keys.ts'
import { MANDATE_UNATTENDED_SECONDS } from '../../protocol/limits.ts'
import type { Channel } from '../../protocol/structures.ts'
import {
  allocationStructure,
  channelStructure,
  commitmentStructure,
  digestOf,
  mandateStructure,
} from '../../protocol/structures.ts'
import { benchAsset, benchGateway, benchTariff, feeBasisPoints } from '../systems/gateway.ts'
import { benchFleet, deviceId } from '../systems/system.ts'
import { type BenchKey, benchKey } from './keys.ts'
import type { GatewayPlan, OpenedPlan } from './messages.ts'
import { openedChain } from './opened.ts'

/** The fleet's signer in all benchmarks. */
export const fleetKeyName = 'the fleet itself'
/** Of every mandate, a day and in all. */
export const mandateLimit = 10n ** 14n

export type ImportPart = {
  readonly records: string
  /** 32 bytes for each channel, in the order of the records. */
  readonly ids: string
  /** Numbers of the devices. */
  readonly from: number
  readonly to: number
  readonly channelsPerDevice: number
  /** Position of the first channel of all. */
  readonly position: number
  readonly plan: GatewayPlan
  readonly opened: OpenedPlan
}

const fleetKey = benchKey(fleetKeyName)

function writePart(part: ImportPart): void {
  const [records, ids] = [openSync(part.records, 'w'), openSync(part.ids, 'w')]
  for (let number = part.from; number < part.to; number++) {
    const device = deviceId(number)
    const key = benchKey(clientIdOf(benchFleet, device))
    const made = Array.from({ length: part.channelsPerDevice }, (_, slot) => {
      const place = (number - 1) * part.channelsPerDevice + slot
      return makeRecord(part, device, key, channelOf(part, key, slot, part.position + place))
    })
    writeSync(records, concatBytes(...made.map(({ record }) => record)))
    writeSync(ids, concatBytes(...made.map(({ channelId }) => channelId)))
  }
  closeSync(records)
  closeSync(ids)
}

function channelOf(part: ImportPart, key: BenchKey, slot: number, position: number): Channel {
  const payee = present(payeeAddress('bench-operator'), 'a payee has an address')
  const own = { fleet: benchFleet, gateway: benchGateway, payee }
  const asset = { assetCode: benchAsset.code, assetScale: benchAsset.scale }
  return {
    payerAlgorithm: algorithmByte(key.publicKey.algorithm),
    payerKey: key.publicKey.bytes,
    feeBasisPoints,
    ...own,
    ...asset,
    meter: `m-${slot}`,
    allocation: allocationOf(part, { ...own, ...asset }),
    position,
    salt: new Uint8Array(createHash('sha256').update(`salt ${position}`).digest()),
  }
}

let allocation: Uint8Array | undefined

function allocationOf({ plan }: ImportPart, value: Parameters<typeof digestAllocation>[1]) {
  allocation ??= digestAllocation(plan, value)
  return allocation
}

function digestAllocation(
  { domain }: GatewayPlan,
  value: Pick<Channel, 'fleet' | 'gateway' | 'payee' | 'assetCode' | 'assetScale'>,
): Uint8Array {
  return digestOf(domain, allocationStructure, value)
}

function makeRecord({ plan, opened }: ImportPart, device: string, key: BenchKey, channel: Channel) {
  const { domain } = plan
  const channelId = digestOf(domain, channelStructure, channel)
  const { terms, chain } = openedChain(channelId, plan, opened)
  const value = { ...terms, root: chain.root }
  const limits = { limit: mandateLimit, limitPerDay: mandateLimit }
  const id = bytesToHex(channelId)
  const mandate = makeMandate(id, 1, limits, MANDATE_UNATTENDED_SECONDS, opened.issuedAt)
  const record = encodeImportRecord({
    device,
    unit: benchTariff.unit,
    channel,
    mandate: {
      value: mandate,
      signature: fleetKey.sign(digestOf(domain, mandateStructure, mandate)),
    },
    commitment: { value, signature: key.sign(digestOf(domain, commitmentStructure, value)) },
  })
  return { record, channelId }
}

/** Told what to write once, it ends when that is done. */
export function serve(): void {
  process.on('message', (part: ImportPart) => {
    writePart(part)
    process.exit(0)
  })
}
