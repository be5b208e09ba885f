/**
 * What a device with a claim asks, and what it is told. The first key that asks has the claim for
 * good, durably, before anybody hears of it.
 * @module
 */
import { formatPublicKey, parseKeyText } from '../../ports/keyText.ts'
import type { Identity } from '../../protocol/access.ts'
import { present } from '../../protocol/assert.ts'
import type { Enrol, EnrolStatus } from '../../protocol/enrolment.ts'
import {
  decodeEnrol,
  encodeEnrolled,
  enrolledStructure,
  enrolStructure,
  keyIn,
} from '../../protocol/enrolment.ts'
import type { PublicKey } from '../../protocol/keys.ts'
import { algorithmByte, signDigest } from '../../protocol/keys.ts'
import type { Signed } from '../../protocol/structures.ts'
import { digestOf } from '../../protocol/structures.ts'
import { formatTopic, parseTopic } from '../../protocol/topics.ts'
import type { Core } from '../core.ts'
import type { Claim } from './claims.ts'
import { findClaim, isOver, putClaim } from './claims.ts'

type Claimant = Extract<Identity, { kind: 'claimant' }>

/** Statuses that an honest device never brings about. */
const alarming: ReadonlySet<EnrolStatus> = new Set(['bad_signature', 'claim_used', 'expired'])

/** Deals with one request and answers it when what it changed is durable. */
export function takeEnrol(core: Core, identity: Claimant, text: string, payload: Uint8Array): void {
  const topic = parseTopic(text)
  const { fleet, serial } = identity
  if (topic?.kind !== 'enrol' || topic.fleet !== fleet || topic.serial !== serial) return
  const signed = decodeEnrol(payload)
  const key = signed && keyIn(signed.value)
  if (!signed || !key) {
    core.ports.log('warn', 'an enrolment was refused', { fleet, serial, reason: 'malformed' })
    return
  }
  const status = judge(core, identity, signed, key)
  if (alarming.has(status)) {
    core.ports.log('warn', 'an enrolment was refused', { fleet, serial, reason: status })
  }
  answer(core, identity, key, status)
}

/** Tells the device of a claim what was decided, if it listens now. */
export function tellDecision(core: Core, claim: Claim): void {
  const key = present(parseKeyText(claim.key ?? ''), 'a decided claim has a sound key')
  const { fleet, name: serial } = claim.credential
  if (claim.state !== 'open') answer(core, { fleet, serial }, key, claim.state)
}

function judge(
  core: Core,
  { fleet, serial }: Claimant,
  { value, signature }: Signed<Enrol>,
  key: PublicKey,
): EnrolStatus {
  const isMeant =
    value.gateway === core.config.gateway && value.fleet === fleet && value.serial === serial
  const digest = digestOf(core.state.domain, enrolStructure, value)
  if (!isMeant || !core.verify(key, digest, signature)) return 'bad_signature'
  const claim = findClaim(core, fleet, serial)
  const nowSeconds = core.writer.seconds()
  if (!claim || (claim.state === 'open' && isOver(claim, nowSeconds))) return 'expired'
  const text = formatPublicKey(key)
  if (claim.state !== 'open') return claim.key === text ? claim.state : 'claim_used'
  putClaim(core, { ...claim, state: 'pending', key: text, askedSeconds: nowSeconds })
  core.ports.log('info', 'a device asks to be enrolled: "tickpay enrol pending" lists it', {
    fleet,
    serial,
  })
  return 'pending'
}

function answer(
  core: Core,
  { fleet, serial }: { readonly fleet: string; readonly serial: string },
  key: PublicKey,
  status: EnrolStatus,
): void {
  const { config, state, link, writer } = core
  const isApproved = status === 'approved'
  const value = {
    gateway: config.gateway,
    fleet,
    serial,
    algorithm: algorithmByte(key.algorithm),
    key: key.bytes,
    status,
    device: isApproved ? (findClaim(core, fleet, serial)?.device ?? '') : '',
    signer: (isApproved && state.fleets.get(fleet)?.signerKey) || new Uint8Array(),
  }
  const signature = signDigest(core.key, digestOf(state.domain, enrolledStructure, value))
  const topic = formatTopic({ kind: 'enrolled', fleet, serial })
  const payload = encodeEnrolled({ value, signature })
  writer.whenDurable(() => link.publish(topic, payload, { retain: false }))
}
