/**
 * The operator's side of claims: list serial numbers that may ask, see who has asked, decide.
 * @module
 */
import * as v from 'valibot'
import { idValue, integerValue, textValue } from '../../ports/configTypes.ts'
import { parseKeyText } from '../../ports/keyText.ts'
import { OperatorError } from '../../ports/operatorError.ts'
import { present } from '../../protocol/assert.ts'
import { formatClaimToken } from '../../protocol/enrolment.ts'
import type { Derive } from '../broker/credentials.ts'
import { createCredential } from '../broker/credentials.ts'
import { enrolmentAnswer } from '../control/enrolmentAnswer.ts'
import type { Verb } from '../control/verb.ts'
import { verb } from '../control/verb.ts'
import type { Core } from '../core.ts'
import type { MeterSpec } from '../enrolment.ts'
import { enrolDevice, requireFleet, requireMeters } from '../enrolment.ts'
import type { Claim } from './claims.ts'
import { allClaims, CLAIMS_MAX, dropClaim, findClaim, isOver, putClaim } from './claims.ts'
import { tellDecision } from './requests.ts'

const HOURS_USUAL = 7 * 24
const HOURS_MAX = 366 * 24

const claimName = { fleet: idValue, serial: idValue }
const addArguments = v.strictObject({
  ...claimName,
  device: v.optional(idValue),
  meters: v.pipe(
    v.array(v.strictObject({ meter: idValue, unit: textValue })),
    v.minLength(1, 'at least one meter'),
  ),
  hours: v.optional(integerValue(1, HOURS_MAX), HOURS_USUAL),
})
type AddArguments = v.InferOutput<typeof addArguments>

export function claimVerbsOf(core: Core, derive: Derive): Readonly<Record<string, Verb>> {
  return {
    claim_add: verb(addArguments, (wanted) => add(core, derive, wanted)),
    claim_list: verb(v.strictObject({ fleet: v.optional(idValue) }), ({ fleet }) =>
      allClaims(core)
        .filter(({ credential }) => fleet === undefined || credential.fleet === fleet)
        .map((claim) => describe(claim, core.writer.seconds())),
    ),
    claim_approve: verb(v.strictObject(claimName), ({ fleet, serial }) =>
      approve(core, fleet, serial),
    ),
    claim_refuse: verb(v.strictObject(claimName), ({ fleet, serial }) =>
      refuse(core, fleet, serial),
    ),
  }
}

async function add(core: Core, derive: Derive, wanted: AddArguments) {
  const { fleet, serial, device = serial, hours, meters } = wanted
  requireFleet(core, fleet)
  requireMeters(core, meters)
  makeRoom(core)
  const nowSeconds = core.writer.seconds()
  const known = findClaim(core, fleet, serial)
  if (known && !isOver(known, nowSeconds)) {
    throw new OperatorError(
      `there is a claim for serial ${serial} already: "tickpay enrol refuse" ends it`,
    )
  }
  const { random } = core.ports
  const named = { fleet, name: serial, rights: [] }
  const { credential, password } = await createCredential({ random, derive }, named, nowSeconds)
  const expiresSeconds = nowSeconds + hours * 3_600
  putClaim(core, { credential, device, meters: namesOf(meters), expiresSeconds, state: 'open' })
  const { config, publicKey, state } = core
  const gateway = { gateway: config.gateway, gatewayKey: publicKey, domain: state.domain }
  const token = formatClaimToken({ fleet, serial, secret: password, ...gateway })
  return { serial, device, token, expiresAtSeconds: expiresSeconds }
}

function namesOf(meters: readonly MeterSpec[]): readonly MeterSpec[] {
  return meters.map(({ meter, unit }) => ({ meter, unit }))
}

function makeRoom(core: Core): void {
  const claims = allClaims(core)
  if (claims.length < CLAIMS_MAX) return
  const over = claims.filter((claim) => isOver(claim, core.writer.seconds()))
  if (over.length === 0) {
    throw new OperatorError(`there are ${CLAIMS_MAX} claims: refuse or approve some first`)
  }
  for (const claim of over) dropClaim(core, claim)
}

function describe(claim: Claim, nowSeconds: number) {
  const { askedSeconds, credential, device, expiresSeconds, key, meters, state } = claim
  const isExpired = state === 'open' && isOver(claim, nowSeconds)
  return {
    fleet: credential.fleet,
    serial: credential.name,
    device,
    state: isExpired ? 'expired' : state,
    key: key ?? null,
    meters: meters.map(({ meter, unit }) => `${meter}:${unit}`).join(' '),
    askedAtSeconds: askedSeconds ?? null,
    expiresAtSeconds: expiresSeconds,
  }
}

/** Enrols the key that asked. Again it changes nothing and answers the same. */
function approve(core: Core, fleet: string, serial: string) {
  const claim = requireClaim(core, fleet, serial)
  if (claim.state === 'refused') {
    throw new OperatorError(`serial ${serial} was refused: give it a new claim`)
  }
  if (claim.state === 'open') {
    throw new OperatorError(`serial ${serial} has not asked yet: start its agent with --claim`)
  }
  const key = present(parseKeyText(claim.key ?? ''), 'a key that asked is sound')
  const channels = enrolDevice(core, fleet, claim.device, key, claim.meters)
  const approved: Claim = { ...claim, state: 'approved' }
  if (claim.state === 'pending') putClaim(core, approved)
  tellDecision(core, approved)
  return enrolmentAnswer(core, claim.device, channels)
}

/** Also ends a claim that nobody has used. */
function refuse(core: Core, fleet: string, serial: string) {
  const claim = requireClaim(core, fleet, serial)
  if (claim.state === 'approved') {
    throw new OperatorError(`serial ${serial} is enrolled: use "tickpay device revoke"`)
  }
  if (claim.state === 'open') {
    dropClaim(core, claim)
  } else {
    const refused: Claim = { ...claim, state: 'refused' }
    putClaim(core, refused)
    tellDecision(core, refused)
  }
  return { serial, state: 'refused' }
}

function requireClaim(core: Core, fleet: string, serial: string): Claim {
  const claim = findClaim(core, fleet, serial)
  if (claim) return claim
  throw new OperatorError(`fleet ${fleet} has no claim for serial ${serial}: "tickpay enrol claim"`)
}
