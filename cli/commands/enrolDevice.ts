/**
 * `tickpay enrol device`
 * @module
 */
import { formatPublicKey } from '../../ports/keyText.ts'
import { defineCommand, flag, jsonOption, list, needed, text } from '../command.ts'
import { type Enrolment, enrol, readMeters, signFirstMandates } from '../enrolment.ts'
import { exitCodes, UsageError } from '../exitCodes.ts'
import { gatewayOptions, withGateway, worksOffline } from '../gatewayOptions.ts'
import { openKey, readPublicKey } from '../io/keyFiles.ts'
import { jsonText } from '../jsonLine.ts'
import { enrolmentLines } from '../snippet.ts'

export const command = defineCommand({
  summary: 'Makes a device known and signs its first mandates',
  details: [
    'Prints the beginning of an agent.yaml for the device. Without --signer only the device is',
    'made known; the service of the fleet ("tickpay fleet serve") then signs its mandates.',
    '',
    worksOffline,
  ],
  arguments: {},
  options: {
    fleet: needed('FLEET', 'fleet of the device'),
    device: needed('DEVICE', 'its name'),
    key: needed('KEY', 'its public key: a key file, FILE.pub or p256:HEX'),
    meter: list('METER:UNIT', 'a meter and what it counts: Wh, mL, s or kB'),
    signer: text('FILE', 'key file of the signer of the fleet'),
    'passphrase-file': text('FILE', 'passphrase of the signer key'),
    limit: text('AMOUNT', 'what the device may owe in all, for example 50EUR'),
    'limit-per-day': text('AMOUNT', 'what it may owe in one day (default: the limit)'),
    'fleet-service': flag('a service of the fleet renews: 24 hours instead of 30 days'),
    url: text('URL', 'how the device reaches the gateway, for the printed configuration'),
    ...gatewayOptions,
    ...jsonOption,
  },
  examples: [
    'tickpay enrol device --fleet acme --device ev-1 --key ev-1.key.pub --meter main:Wh \\',
    '  --signer acme.key --passphrase-file acme.pass --limit 50EUR --limit-per-day 5EUR',
  ],
  run: async (values, terminal) => {
    const { fleet, device, json, signer, limit, ...how } = values
    const meters = readMeters(values.meter)
    const publicKey = formatPublicKey(await readPublicKey(values.key))
    if ((signer === undefined) !== (limit === undefined)) {
      throw new UsageError('--signer and --limit belong together')
    }
    const passphraseFile = values['passphrase-file']
    if (signer !== undefined && passphraseFile === undefined) {
      throw new UsageError('--signer needs --passphrase-file')
    }
    const opened =
      signer === undefined
        ? undefined
        : await openKey({ file: signer, passphraseFile }, terminal.error)
    const enrolment: Enrolment = await withGateway(how, terminal, async (calls) => {
      const answer = await enrol(calls, { fleet, device, publicKey, meters })
      if (opened === undefined || limit === undefined) return { answer, mandates: [] }
      const limits = { limit, limitPerDay: values['limit-per-day'] ?? limit }
      const hasService = values['fleet-service']
      const mandates = await signFirstMandates(calls, answer, fleet, opened.privateKey, {
        ...limits,
        life: hasService ? 'with_service' : 'unattended',
      })
      return { answer, mandates }
    })
    const lines = json
      ? [jsonText({ ...enrolment.answer, mandates: enrolment.mandates })]
      : enrolmentLines(fleet, enrolment, values.url)
    for (const line of lines) terminal.out(line)
    return exitCodes.ok
  },
})
