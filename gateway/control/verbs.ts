/**
 * What an operator can ask of a gateway: one table of verbs, each with the shape of its arguments,
 * behind the control socket, the command line and the fleet topics alike.
 * @module
 */
import * as v from 'valibot'
import { idValue, integerValue, publicKeyValue, textValue } from '../../ports/configTypes.ts'
import { formatPublicKey } from '../../ports/keyText.ts'
import { OperatorError } from '../../ports/operatorError.ts'
import { bytesToHex, parseHex } from '../../protocol/bytes.ts'
import { decodeCbor } from '../../protocol/cbor.ts'
import { FLEET_PACKET_BYTES_MAX, MANDATE_UNATTENDED_SECONDS } from '../../protocol/limits.ts'
import { mandateStructure, signedFromWire } from '../../protocol/structures.ts'
import type { Core } from '../core.ts'
import {
  closeChannel,
  enrolDevice,
  enrolFleet,
  findMeter,
  putMandate,
  replaceDevice,
  requireDevice,
  revokeDevice,
} from '../enrolment.ts'
import { evidenceVerbs } from '../receipts/evidenceDesk.ts'
import { reportChannel, reportStatus } from '../reports.ts'
import { claimVerbs } from '../settle/claimDesk.ts'
import { knownVerbs } from '../settle/knownDesk.ts'
import { reportQuarantine, settleVerbs } from '../settle/settleDesk.ts'
import type { Settle } from '../settle/settlement.ts'
import { statementVerbs } from '../settle/statementDesk.ts'
import { fleetControlVerbs } from '../verbs/control.ts'
import type { CredentialDesk } from './credentialDesk.ts'
import { enrolmentAnswer } from './enrolmentAnswer.ts'
import type { LedgerDesk } from './ledgerDesk.ts'
import { ledgerVerbs } from './ledgerDesk.ts'
import type { Verb, VerbCall } from './verb.ts'
import { verb } from './verb.ts'

const meterValue = v.strictObject({ meter: idValue, unit: textValue })
const deviceName = { fleet: idValue, device: idValue }
const nothing = v.strictObject({})

export function createVerbs(
  core: Core,
  desk: LedgerDesk,
  credentials: CredentialDesk,
  settle: Settle,
): VerbCall {
  const table: Readonly<Record<string, Verb>> = {
    ...readVerbs(core, desk),
    ...enrolmentVerbs(core, desk),
    ...channelVerbs(core, settle),
    ...ledgerVerbs(core, desk),
    ...claimVerbs(core),
    ...evidenceVerbs(core),
    ...fleetControlVerbs(core, settle),
    ...statementVerbs(core, settle),
    ...settleVerbs(core, settle),
    ...knownVerbs(core, settle),
    ...credentials.verbs,
  }
  return async (name, args) => {
    const found = Object.hasOwn(table, name) ? table[name] : undefined
    if (!found) throw new OperatorError(`unknown verb "${name.slice(0, 40)}"`)
    const parsed = v.safeParse(found.schema, args ?? {})
    if (!parsed.success) throw new OperatorError(describe(name, parsed.issues[0]))
    const result = await found.run(parsed.output as never)
    await core.writer.drained()
    return result
  }
}

function describe(name: string, issue: v.BaseIssue<unknown>): string {
  const path = issue.path?.map((item) => String(item.key)).join('.') ?? 'arguments'
  const text = `${name}: ${path}: ${issue.message}`
  return text.length > MESSAGE_CHARS_MAX ? `${text.slice(0, MESSAGE_CHARS_MAX)}...` : text
}

/** The message quotes what was sent, which may be of any length. */
const MESSAGE_CHARS_MAX = 200

function readVerbs(core: Core, desk: LedgerDesk): Record<string, Verb> {
  const filter = v.strictObject({ fleet: v.optional(idValue), device: v.optional(idValue) })
  return {
    status: verb(nothing, async () => ({
      ...reportStatus(core, await desk.sum()),
      quarantine: reportQuarantine(core),
      key: formatPublicKey(core.publicKey),
    })),
    channels: verb(filter, ({ fleet, device }) => {
      const all = Array.from({ length: core.state.hot.count() }, (_, number) => number)
      return all
        .filter((number) => {
          const record = core.state.cold.channel(number)
          return (!fleet || record.fleet === fleet) && (!device || record.device === device)
        })
        .map((number) => reportChannel(core, number))
    }),
  }
}

function enrolmentVerbs(core: Core, desk: LedgerDesk): Record<string, Verb> {
  const fleetArguments = v.strictObject({
    fleet: idValue,
    signerKey: publicKeyValue,
    ownerKey: v.optional(publicKeyValue),
    mandateSeconds: v.optional(integerValue(60, 366 * 86_400), MANDATE_UNATTENDED_SECONDS),
  })
  const deviceArguments = v.strictObject({
    ...deviceName,
    publicKey: publicKeyValue,
    meters: v.pipe(v.array(meterValue), v.minLength(1, 'at least one meter')),
  })
  const replaceArguments = v.strictObject({
    ...deviceName,
    publicKey: v.optional(publicKeyValue),
    meter: v.optional(idValue),
  })
  /** With a fleet, mandates for channels of others are unknown. */
  const mandateArguments = v.strictObject({
    mandates: v.array(v.string()),
    fleet: v.optional(idValue),
  })
  return {
    enrol_fleet: verb(fleetArguments, async ({ fleet, signerKey, ownerKey, mandateSeconds }) => {
      const { gateway, payee, asset, feeBasisPoints } = core.config
      const parties = { fleet, gateway, payee, signerKey, gatewayKey: core.publicKey }
      const terms = { ...parties, asset, feeBasisPoints, mandateSeconds }
      await desk.openAllocation(ownerKey ? { ...terms, ownerKey } : terms)
      return { allocation: bytesToHex(await enrolFleet(core, fleet, signerKey, ownerKey)) }
    }),
    enrol_device: verb(deviceArguments, ({ fleet, device, publicKey, meters }) =>
      enrolmentAnswer(core, device, enrolDevice(core, fleet, device, publicKey, meters)),
    ),
    device_replace: verb(replaceArguments, ({ fleet, device, publicKey, meter }) =>
      enrolmentAnswer(core, device, replaceDevice(core, fleet, device, publicKey, meter)),
    ),
    device_revoke: verb(v.strictObject(deviceName), ({ fleet, device }) => ({
      device,
      channelsClosed: revokeDevice(core, fleet, device),
    })),
    mandate_put: verb(mandateArguments, ({ mandates, fleet }) =>
      mandates.map((hex) => readMandate(core, hex, fleet)),
    ),
  }
}

function readMandate(core: Core, hex: string, fleet: string | undefined) {
  const bytes = parseHex(hex)
  const wire = bytes && decodeCbor(bytes, FLEET_PACKET_BYTES_MAX)
  const mandate = wire === undefined ? undefined : signedFromWire(mandateStructure, wire)
  if (!mandate) return { channelId: null, status: 'malformed' }
  const channelId = bytesToHex(mandate.value.channelId)
  return { channelId, status: putMandate(core, mandate, fleet) }
}

function channelVerbs(core: Core, settle: Settle): Record<string, Verb> {
  const meterName = v.strictObject({ ...deviceName, meter: idValue })
  return {
    channel_close: verb(meterName, async ({ fleet, device: name, meter }) => {
      requireDevice(core, fleet, name)
      const channel = findMeter(core, fleet, name, meter)
      if (channel === undefined) {
        throw new OperatorError(`device ${fleet}/${name} has no open channel for meter ${meter}`)
      }
      closeChannel(core, channel)
      await settle()
      return reportChannel(core, channel)
    }),
  }
}
