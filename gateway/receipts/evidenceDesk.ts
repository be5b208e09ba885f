/**
 * Everything that this gateway holds of one channel and that somebody has signed, as a bundle that
 * needs no database: for whoever is to decide a dispute.
 * @module
 */
import * as v from 'valibot'
import type { EvidenceBundle, StatedLeaf } from '../../ledger/rules/evidenceBundle.ts'
import { formatEvidence } from '../../ledger/rules/evidenceBundle.ts'
import { OperatorError } from '../../ports/operatorError.ts'
import { bytesToHex, parseHex } from '../../protocol/bytes.ts'
import { WORD_BYTES } from '../../protocol/chain.ts'
import { parsePublicKey, signDigest } from '../../protocol/keys.ts'
import { decodeReceipt } from '../../protocol/receipts.ts'
import { digestOf, statementStructure } from '../../protocol/structures.ts'
import type { Verb } from '../control/verb.ts'
import { verb } from '../control/verb.ts'
import type { Core } from '../core.ts'
import { nextTurnOf } from '../settle/statements.ts'
import { allocationOf } from '../state/state.ts'
import { cosignatureOf } from '../state/statements.ts'

export function evidenceVerbs(core: Core): Record<string, Verb> {
  const channel = v.strictObject({ channel: v.string() })
  return {
    evidence: verb(channel, async (args) => {
      const id = parseHex(args.channel.replace(/^0x/, ''))
      const number = id && core.state.cold.numberOf(id)
      if (number === undefined) {
        throw new OperatorError(`no channel ${args.channel}: see "tickpay channels list --json"`)
      }
      return { bundle: formatEvidence(await bundleOf(core, number)) }
    }),
  }
}

async function bundleOf(core: Core, channel: number): Promise<EvidenceBundle> {
  const { cold, domain, fleets, hot } = core.state
  const record = cold.channel(channel)
  const { epoch, pendingEpoch, index, word } = hot.columns
  const held = { epoch: epoch[channel] ?? 0, index: index[channel] ?? 0 }
  const epochs = [held.epoch, pendingEpoch[channel] ?? 0]
  const commitments = epochs.flatMap((one) => cold.commitment(channel, one) ?? [])
  const start = channel * WORD_BYTES
  const payload = cold.receipt(channel)
  const receipt = payload && decodeReceipt(payload)
  const fleet = fleets.get(record.fleet)
  return {
    domain,
    gatewayKey: core.publicKey,
    signerKey: fleet && parsePublicKey(fleet.signerKey),
    channel: record.channel,
    tariffs: core.tariffs.all.filter(({ value }) => value.unit === record.unit).slice(-16),
    mandates: cold.mandates(channel),
    commitments,
    words: held.index > 0 ? [{ ...held, word: word.slice(start, start + WORD_BYTES) }] : [],
    receipts: receipt ? [receipt] : [],
    statements: await statedOf(core, channel),
  }
}

/**
 * What the statement in force says, signed once more, with the signature of the fleet. That one is
 * missing where the leaves came back from the fleet, or the snapshot from an older program.
 */
async function statedOf(core: Core, channel: number): Promise<readonly StatedLeaf[]> {
  const { id } = allocationOf(core.state, channel)
  const value = core.state.statements.inForce.get(bytesToHex(id))
  if (!value) return []
  await core.leafProofs.prepare(channel, nextTurnOf(core))
  const leaf = core.leafProofs.leafOf(channel)
  if (!leaf || leaf.channelId === 'empty') return []
  const signature = signDigest(core.key, digestOf(core.state.domain, statementStructure, value))
  const fleetSignature = cosignatureOf(core.state.statements, value)
  const { amount, path } = leaf
  return [{ statement: { value, signature }, fleetSignature, amount, path }]
}
