/**
 * What one record of an import must show before its channel is opened: the same as a device that is
 * enrolled, mandated and opens its channel by messages, judged by the same rules.
 * @module
 */
import type { ProofTask } from '../../ledger/rules/proofTasks.ts'
import { OperatorError } from '../../ports/operatorError.ts'
import { present } from '../../protocol/assert.ts'
import { bytesToHex, concatBytes, equalBytes } from '../../protocol/bytes.ts'
import { checkCommitment } from '../../protocol/commitmentRules.ts'
import type { PublicKey } from '../../protocol/keys.ts'
import { encodePublicKey, isSoundPublicKey, parsePublicKey } from '../../protocol/keys.ts'
import { POSITIONS_MAX } from '../../protocol/limits.ts'
import { checkMandate } from '../../protocol/mandateRules.ts'
import type { Channel } from '../../protocol/structures.ts'
import { commitmentStructure, digestOf, mandateStructure } from '../../protocol/structures.ts'
import type { Core } from '../core.ts'
import {
  findMeter,
  freePosition,
  freeSlot,
  needsKey,
  requireFleet,
  requireId,
  requireMeter,
  useOf,
} from '../enrolment.ts'
import { fits } from '../intake/commits.ts'
import { freeIn, lengthCeiling, lengthWithin } from '../intake/fairShare.ts'
import { isSettleable } from '../mandates.ts'
import { channelIdOf } from '../state/channelId.ts'
import type { ImportRecord } from './records.ts'

/**
 * Opens the channel of one record, unless the store has it already: then it is left as it is.
 * @throws OperatorError saying what is wrong; nothing was changed then
 */
export function admit(core: Core, record: ImportRecord): 'imported' | 'known' {
  const { channel, device, unit, mandate, commitment } = record
  const { fleet } = channel
  if (isKnown(core, record)) return 'known'
  requireOurs(core, channel)
  requireId('device', device)
  requireMeter(core, { meter: channel.meter, unit })
  const key = keyOf(channel)
  const isNew = needsKey(core, fleet, device, encodePublicKey(key))
  if (isNew && !isSoundPublicKey(key)) throw new OperatorError(unsoundKey)
  requireRoom(core, record)
  requireMandate(core, record)
  const creditTicks = requireCommitment(core, record, key)
  if (isNew) core.writer.record({ kind: 'device', fleet, device, key: encodePublicKey(key) })
  const slot = freeSlot(core, fleet, device)
  core.writer.record({ kind: 'channel', fleet, device, slot, unit, channel })
  const number = present(core.state.cold.numberOf(idOf(core, record)), 'it was opened just now')
  core.writer.record({ kind: 'mandate', channel: number, mandate, cover: undefined })
  core.writer.record({ kind: 'commitment', channel: number, commitment, creditTicks })
  return 'imported'
}

/** The signatures of a record that is new; none where `admit` will not come to look at them. */
export function signaturesOf(core: Core, record: ImportRecord): readonly ProofTask[] {
  const { mandate, commitment, channel } = record
  const fleet = core.state.fleets.get(channel.fleet)
  const signer = fleet && parsePublicKey(fleet.signerKey)
  const payer = parseKey(channel)
  if (!signer || !payer || core.state.cold.numberOf(idOf(core, record)) !== undefined) return []
  const { domain } = core.state
  return [
    {
      kind: 'signature',
      key: signer,
      digest: digestOf(domain, mandateStructure, mandate.value),
      signature: mandate.signature,
    },
    {
      kind: 'signature',
      key: payer,
      digest: digestOf(domain, commitmentStructure, commitment.value),
      signature: commitment.signature,
    },
  ]
}

function idOf(core: Core, { channel }: ImportRecord): Uint8Array {
  return channelIdOf(core.state.domain, channel)
}

function isKnown(core: Core, record: ImportRecord): boolean {
  const number = core.state.cold.numberOf(idOf(core, record))
  if (number === undefined) return false
  const { fleet, device, unit } = core.state.cold.channel(number)
  if (device === record.device && unit === record.unit) return true
  throw new OperatorError(
    `this channel is that of ${fleet}/${device} and counts ${unit}: one of the two is mistaken`,
  )
}

/** What a channel says of its gateway must be what this gateway is. */
function requireOurs(core: Core, channel: Channel): void {
  const { config } = core
  const { allocation } = requireFleet(core, channel.fleet)
  const same =
    channel.gateway === config.gateway &&
    equalBytes(channel.payee, config.payee) &&
    channel.feeBasisPoints === config.feeBasisPoints &&
    channel.assetCode === config.asset.code &&
    channel.assetScale === config.asset.scale
  if (!same) {
    throw new OperatorError(
      'gateway, payee, fee or asset of the channel are not those of the configuration: make the ' +
        'channels anew for this gateway',
    )
  }
  if (equalBytes(channel.allocation, allocation)) return
  throw new OperatorError(
    `the allocation of fleet ${channel.fleet} is ${bytesToHex(allocation)}: make the channels ` +
      'anew for it',
  )
}

const unsoundKey = 'the payer key is no sound key: take the public key from the device again'

function keyOf(channel: Channel): PublicKey {
  const key = parseKey(channel)
  if (!key) throw new OperatorError(unsoundKey)
  return key
}

function parseKey({ payerAlgorithm, payerKey }: Channel): PublicKey | undefined {
  return parsePublicKey(concatBytes(new Uint8Array([payerAlgorithm]), payerKey))
}

/** A meter has one open channel, a device a slot for it, and a position is given once. */
function requireRoom(core: Core, { device, channel }: ImportRecord): void {
  const { fleet, meter, allocation, position } = channel
  if (findMeter(core, fleet, device, meter) !== undefined) {
    throw new OperatorError(
      `meter ${meter} of device ${fleet}/${device} has an open channel: ` +
        'see "tickpay device replace"',
    )
  }
  if (core.state.cold.device(fleet, device)) freeSlot(core, fleet, device)
  const first = freePosition(core, allocation)
  if (position >= first && position < POSITIONS_MAX) return
  throw new OperatorError(
    `position ${position} is not free: the next one is ${first}, the last ${POSITIONS_MAX - 1}, ` +
      'and positions rise within the file',
  )
}

function requireMandate(core: Core, { channel, mandate }: ImportRecord): void {
  const { allocation, signerKey } = requireFleet(core, channel.fleet)
  const verdict = checkMandate(
    {
      domain: core.state.domain,
      channelId: channelIdOf(core.state.domain, channel),
      signerKey: present(parsePublicKey(signerKey), 'the key of a fleet is sound'),
      inForce: undefined,
      nowSeconds: core.writer.seconds(),
    },
    mandate,
    core.verify,
  )
  const settles = verdict !== 'accepted' || isSettleable(core, allocation, mandate.value)
  const reason = settles ? verdict : 'bad_window'
  if (reason === 'accepted') return
  throw new OperatorError(`its mandate is refused (${reason}): let the fleet sign another one`)
}

/** Returns the credit that the tariff of the commitment gives. */
function requireCommitment(core: Core, record: ImportRecord, payerKey: PublicKey): number {
  const { channel, commitment, unit } = record
  const named = core.tariffs.byHash(commitment.value.tariffHash)
  const tariff = named && fits(named, channel, unit) ? named : undefined
  const use = useOf(core, channel.allocation)
  // Its own share counts it as one of the open channels, as when it opens by messages.
  const sharing = { ...use, openChannels: use.openChannels + 1 }
  const length = lengthWithin(core, sharing, 0n, commitment.value)
  const verdict = checkCommitment(
    {
      domain: core.state.domain,
      channelId: channelIdOf(core.state.domain, channel),
      payerKey,
      closed: false,
      held: undefined,
      pending: undefined,
      mandate: record.mandate.value,
      tariff,
      maxLength: length >= 1 ? length : lengthCeiling(core),
      free: freeIn(core, use),
      nowSeconds: core.writer.seconds(),
    },
    commitment,
    core.verify,
  )
  if (verdict !== 'accepted') throw new OperatorError(refusedCommitment(verdict, length))
  return present(tariff, 'an accepted commitment names a tariff').creditTicks
}

function refusedCommitment(reason: string, length: number): string {
  const why = `its commitment is refused (${reason})`
  if (reason === 'no_funds') return `${why}: the fleet must deposit more`
  if (reason === 'too_long') return `${why}: it may have ${length} ticks, or deposit more`
  return `${why}: let the device sign another one`
}
