/**
 * All commands. Each is loaded when it is used, so that `--help` is quick and a device never loads
 * what only a gateway needs.
 * @module
 */
import type { Command } from './command.ts'
import type { AskedName } from './fleetVerb.ts'

export type CommandEntry = {
  /** The same as the command's own summary (a test holds the two together). */
  readonly summary: string
  readonly load: () => Promise<Command>
}

/** By name; a group of commands shares its first word. In the order in which help lists them. */
export type CommandTable = Readonly<Record<string, CommandEntry>>

function entry(summary: string, load: () => Promise<{ readonly command: Command }>): CommandEntry {
  return { summary, load: async () => (await load()).command }
}

/** One of `tickpay fleet VERB`. */
function verbEntry(name: AskedName, summary: string): CommandEntry {
  return entry(summary, async () => (await import('./commands/fleetVerbs.ts')).commandOf(name))
}

export const commandTable: CommandTable = {
  demo: entry(
    'Shows the whole loop on this machine: three meters being paid for',
    () => import('./commands/demo.ts'),
  ),
  'demo check': entry(
    'Reconciles the books of a demo that was kept with --data',
    () => import('./commands/demoCheck.ts'),
  ),
  gateway: entry(
    'Runs a gateway: accepts ticks, keeps supply in step, settles',
    () => import('./commands/gateway.ts'),
  ),
  agent: entry(
    'Runs the agent of a device: reads its meters and pays for what they count',
    () => import('./commands/agent.ts'),
  ),
  'meter-sim': entry(
    'Simulates a meter with its relay, on a serial line or over TCP',
    () => import('./commands/meterSim.ts'),
  ),
  'fleet serve': entry(
    'Runs the service of a fleet: renews mandates, co-signs statements',
    () => import('./commands/fleetServe.ts'),
  ),
  'fleet cosign': entry(
    'Co-signs the statement that waits at the gateway, or says what differs',
    () => import('./commands/fleetCosign.ts'),
  ),
  'fleet sign': entry(
    'Signs an order of the fleet and prints the request, for mosquitto_pub -s',
    () => import('./commands/fleetSign.ts'),
  ),
  'fleet list': verbEntry('list', 'Lists channels, in pages from `from` on'),
  'fleet get': verbEntry('get', 'Shows the channels of one device'),
  'fleet policy': verbEntry(
    'policy',
    'Shows what is ordered for the fleet and its parts, and what each has spent',
  ),
  'fleet export': verbEntry('export', 'Gives all channels as lines of CSV'),
  'fleet pause': verbEntry(
    'pause',
    'Turns supply off until it is resumed; what is paid is still accepted',
  ),
  'fleet resume': verbEntry('resume', 'Ends a pause of the same target'),
  'fleet limit': verbEntry(
    'limit',
    'Limits what may be spent in a minute, hour, day or month (UTC), in minor units',
  ),
  'fleet price-ceiling': verbEntry(
    'price-ceiling',
    'Ends supply where `units` of a unit cost more than `price`; a price of null takes it back',
  ),
  'fleet assign': verbEntry(
    'assign',
    'Puts devices into a group, a site or both; null takes them out',
  ),
  'fleet top-up': verbEntry(
    'top-up',
    'Tells the operator of a deposit that is under way; the money counts when the ledger has it',
  ),
  'fleet rotate': verbEntry(
    'rotate',
    'Gives a device a new key; its channels end and new ones begin at 0',
  ),
  'fleet revoke': verbEntry(
    'revoke',
    'Ends a device for good: its key and its mandates count no more',
  ),
  'fleet close': verbEntry('close', 'Closes the channel of a meter and settles it'),
  'fleet withdraw': entry(
    'Takes money back that was set aside: announces it, and executes it after the notice',
    () => import('./commands/fleetWithdraw.ts'),
  ),
  'keys new': entry(
    'Makes a key file for a device, a gateway or a fleet',
    () => import('./commands/keysNew.ts'),
  ),
  'keys show': entry('Shows the public key of a key file', () => import('./commands/keysShow.ts')),
  'enrol fleet': entry(
    'Makes a fleet known to a gateway',
    () => import('./commands/enrolFleet.ts'),
  ),
  'enrol device': entry(
    'Makes a device known and signs its first mandates',
    () => import('./commands/enrolDevice.ts'),
  ),
  'enrol claim': entry(
    'Lets a device with this serial number ask to be enrolled',
    () => import('./commands/enrolClaim.ts'),
  ),
  'enrol pending': entry(
    'Lists claims: who may ask to be enrolled, who has asked, what was decided',
    () => import('./commands/enrolPending.ts'),
  ),
  'enrol approve': entry(
    'Enrols the device that asked with a claim',
    () => import('./commands/enrolApprove.ts'),
  ),
  'enrol refuse': entry(
    'Refuses the device that asked, or takes an unused claim back',
    () => import('./commands/enrolRefuse.ts'),
  ),
  'device replace': entry(
    'Gives a device a new key, or a meter of it a new channel',
    () => import('./commands/deviceReplace.ts'),
  ),
  'device rotate': entry(
    'Moves a device to a new key, which it proves with the old one',
    () => import('./commands/deviceRotate.ts'),
  ),
  'device revoke': entry(
    'Ends a device for good: its key and its mandates count no more',
    () => import('./commands/deviceRevoke.ts'),
  ),
  'credential add': entry(
    'Gives a person or a tool an MQTT user name and password',
    () => import('./commands/credentialAdd.ts'),
  ),
  'credential list': entry(
    'Lists the static credentials and when each was last used',
    () => import('./commands/credentialList.ts'),
  ),
  'credential remove': entry(
    'Takes a static credential back',
    () => import('./commands/credentialRemove.ts'),
  ),
  'operator add': entry(
    'Lets a person act from the dashboard, with a password and one-time codes',
    () => import('./commands/operatorAdd.ts'),
  ),
  'operator list': entry(
    'Lists the operators and when each was last signed in',
    () => import('./commands/operatorList.ts'),
  ),
  'operator remove': entry(
    'Takes the login of an operator back, and ends his sessions',
    () => import('./commands/operatorRemove.ts'),
  ),
  'ca create': entry(
    'Makes an authority that signs certificates for a gateway and its devices',
    () => import('./commands/caCreate.ts'),
  ),
  'ca server': entry(
    'Makes the certificate of a gateway, with its key',
    () => import('./commands/caServer.ts'),
  ),
  'ca device': entry('Makes the certificate of a device', () => import('./commands/caDevice.ts')),
  'ca fleet': entry(
    'Makes the certificate of a fleet, for its service and its people',
    () => import('./commands/caFleet.ts'),
  ),
  'ca renew': entry(
    'Makes the next certificate for the same key',
    () => import('./commands/caRenew.ts'),
  ),
  'ca list': entry(
    'Lists authorities and certificates, and which of them end soon',
    () => import('./commands/caList.ts'),
  ),
  'ca revoke': entry(
    'Takes back all certificates of a name',
    () => import('./commands/caRevoke.ts'),
  ),
  'ca rotate': entry(
    'Begins to replace the authority: both are trusted for a while',
    () => import('./commands/caRotate.ts'),
  ),
  'ca retire': entry(
    'Ends the trust in an authority that was replaced, and removes its key',
    () => import('./commands/caRetire.ts'),
  ),
  'channels list': entry(
    'Lists channels: what was paid, reserved and settled',
    () => import('./commands/channelsList.ts'),
  ),
  'channels close': entry(
    'Closes a channel and shows its final account',
    () => import('./commands/channelsClose.ts'),
  ),
  'channels import': entry(
    'Opens many channels at once, each with its evidence',
    () => import('./commands/channelsImport.ts'),
  ),
  status: entry('Shows how a gateway or an agent is doing', () => import('./commands/status.ts')),
  check: entry(
    'Checks a configuration of any kind and the key it names',
    () => import('./commands/check.ts'),
  ),
  doctor: entry(
    'Looks for what keeps a gateway or an agent from working, and says what to do',
    () => import('./commands/doctor.ts'),
  ),
  top: entry(
    'Shows a running gateway live: who consumes, who pays, what is settled',
    () => import('./commands/top.ts'),
  ),
  dump: entry(
    'Prints configuration and state as JSON, for somebody who is to help',
    () => import('./commands/dump.ts'),
  ),
  trace: entry(
    'Shows what happened to a device lately, and why its messages were refused',
    () => import('./commands/trace.ts'),
  ),
  'log list': entry(
    'Lists the areas of the log of a running gateway and their levels',
    () => import('./commands/logList.ts'),
  ),
  'log set': entry(
    'Changes how much a running gateway logs about an area',
    () => import('./commands/logSet.ts'),
  ),
  'fraud list': entry(
    'Shows what the watch of a running gateway found, whom it holds back, and its rules',
    () => import('./commands/fraudList.ts'),
  ),
  'fraud hold': entry(
    'Holds a device back beside what its fleet ordered; what it pays is still accepted',
    () => import('./commands/fraudHold.ts'),
  ),
  'fraud release': entry(
    'Releases a device that the watch holds back; what its fleet ordered stays',
    () => import('./commands/fraudRelease.ts'),
  ),
  'fraud reading': entry(
    "Tells a gateway the register of the provider's own meter, which is held against payment",
    () => import('./commands/fraudReading.ts'),
  ),
  pause: entry(
    'Turns the supply of a device, a group, a fleet or all off',
    () => import('./commands/pause.ts'),
  ),
  resume: entry('Lets what was paused consume again', () => import('./commands/resume.ts')),
  'ledger fund': entry(
    'Books a deposit to what a fleet has set aside',
    () => import('./commands/ledgerFund.ts'),
  ),
  'ledger withdraw': entry(
    'Takes money that a fleet has set aside back, after the notice',
    () => import('./commands/ledgerWithdraw.ts'),
  ),
  'ledger pay-out': entry(
    'Pays a withdrawal out, once its notice is over',
    () => import('./commands/ledgerPayOut.ts'),
  ),
  'ledger allocations': entry(
    'Lists what each fleet has set aside, and what is left of it',
    () => import('./commands/ledgerAllocations.ts'),
  ),
  'ledger balance': entry(
    'Shows the accounts of the ledger',
    () => import('./commands/ledgerBalance.ts'),
  ),
  'ledger entries': entry(
    'Lists the entries of the ledger, oldest first',
    () => import('./commands/ledgerEntries.ts'),
  ),
  'ledger migrate': entry(
    'Sets up the ledger in a PostgreSQL database, or brings it to this version',
    () => import('./commands/ledgerMigrate.ts'),
  ),
  'ledger confirm': entry(
    'Confirms, after a restore, that payments made since the backup are known',
    () => import('./commands/ledgerConfirm.ts'),
  ),
  settle: entry(
    'Settles now what is owed, without waiting for the period',
    () => import('./commands/settle.ts'),
  ),
  watch: entry(
    'Watches a ledger, and shows it evidence in time while the gateway is away',
    () => import('./commands/watch.ts'),
  ),
  'evidence export': entry(
    'Writes all evidence of one channel to a file that stands alone',
    () => import('./commands/evidenceExport.ts'),
  ),
  'evidence verify': entry(
    'Decides a dispute about one channel from files alone',
    () => import('./commands/evidenceVerify.ts'),
  ),
  'export claims': entry(
    'Writes the evidence of all unsettled channels to one file',
    () => import('./commands/exportClaims.ts'),
  ),
  'export settlements': entry(
    'Prints what was settled to the payee, for accounting programs',
    () => import('./commands/exportSettlements.ts'),
  ),
  backup: entry(
    'Writes a backup of the store and its ledger, and reads it back',
    () => import('./commands/backup.ts'),
  ),
  restore: entry(
    'Restores a backup into an empty data folder',
    () => import('./commands/restore.ts'),
  ),
  'store verify': entry(
    'Scrubs a store: every record, every sum, and that they tell the same',
    () => import('./commands/storeVerify.ts'),
  ),
  'journal verify': entry(
    'Checks the journal record by record and names the first altered one',
    () => import('./commands/journalVerify.ts'),
  ),
  'store purge': entry(
    'Drops journal segments in which everything is older than a date',
    () => import('./commands/storePurge.ts'),
  ),
  'store encrypt': entry(
    'Makes an encrypted copy of a store that is not encrypted',
    () => import('./commands/storeEncrypt.ts'),
  ),
  'store rotate-key': entry(
    'Gives an encrypted store new keys',
    () => import('./commands/storeRotateKey.ts'),
  ),
  schema: entry(
    'Shows the arguments of the verbs of fleets as JSON schemas',
    () => import('./commands/schema.ts'),
  ),
  detect: entry(
    'Finds the meters that are connected to this machine',
    () => import('./commands/detect.ts'),
  ),
  'meter read': entry(
    'Reads a meter once and leaves its relay as it is',
    () => import('./commands/meterRead.ts'),
  ),
}
