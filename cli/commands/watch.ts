/**
 * `tickpay watch`
 * @module
 */
import { stat } from 'node:fs/promises'
import { decodeClaim } from '../../gateway/store/claimFile.ts'
import { fastSha256 } from '../../ledger/io/fastSha256.ts'
import type { Claim } from '../../ledger/ledger.ts'
import { type WatchConfig, watchConfigSchema, watchPolicyOf } from '../../ledger/watch/config.ts'
import { openWatched } from '../../ledger/watch/io/openWatched.ts'
import { createWatch, type Look } from '../../ledger/watch/service.ts'
import type { Log } from '../../ports/index.ts'
import { readConfigFile } from '../../ports/io/configFile.ts'
import { jsonLog } from '../../ports/io/log.ts'
import { nodePorts } from '../../ports/io/node.ts'
import type { Domain } from '../../protocol/typedData.ts'
import { defineCommand, flag, jsonOption, needed } from '../command.ts'
import { type ExitCode, exitCodes, UsageError } from '../exitCodes.ts'
import { readClaims, requireDomain } from '../io/claimFiles.ts'
import { runUntilStopped } from '../io/runUntilStopped.ts'
import { jsonText } from '../jsonLine.ts'
import type { Terminal } from '../terminal.ts'

/** Prefix of the environment variables that override the configuration. */
export const watchPrefix = 'TICKPAY_WATCH'

/** So long nothing was exported: the gateway, or the export, may be gone. */
const OLD_EXPORT_SECONDS = 24 * 3_600

export const command = defineCommand({
  summary: 'Watches a ledger, and shows it evidence in time while the gateway is away',
  details: [
    'Reads the file that "tickpay export claims --follow" keeps, and the ledger, and needs nothing',
    'else: neither the gateway nor its key. It shows the ledger the newest evidence it holds some',
    'days before money that the fleet asked back leaves, or before a mandate can be claimed no',
    'more, and where somebody has settled less than was held and nobody has corrected it.',
    'Evidence that is paid already costs nothing. Runs until SIGINT or SIGTERM.',
    '',
    'With --once it looks once; with --all it shows at once whatever is open. Exit code 1 then',
    'when the ledger refuses something, or evidence ran out before it was paid.',
  ],
  arguments: {},
  options: {
    config: needed('FILE', 'configuration, for example watch.yaml'),
    once: flag('looks once, and ends'),
    all: flag('with --once: shows what is open, due or not'),
    ...jsonOption,
  },
  examples: [
    'tickpay watch --config watch.yaml',
    'tickpay watch --config watch.yaml --once --all --json',
  ],
  run: async ({ config: path, once, all, json }, terminal) => {
    if (all && !once) throw new UsageError('--all needs --once')
    const config = await readConfigFile(path, watchPrefix, watchConfigSchema, process.env)
    const ports = nodePorts(jsonLog(once ? 'warn' : config.log))
    const { ledger, close } = await openWatched(config, ports)
    const watch = createWatch({
      ...{ ledger, clock: ports.clock, timers: ports.timers, log: ports.log, sha256: fastSha256 },
      readClaims: claimReader(config, ledger.domain, ports.log),
      policy: watchPolicyOf(config),
      pollMs: config.pollSeconds * 1_000,
    })
    if (!once) {
      return runUntilStopped(async () => {
        const stop = watch.start()
        terminal.out(`${config.claims} is watched, ledger of kind ${config.ledger.kind}`)
        return {
          close: async () => {
            stop()
            await close()
          },
        }
      })
    }
    try {
      return show(await watch.look(all ? 'all' : 'due'), json, terminal)
    } finally {
      await close()
    }
  },
})

/** Reads the file when it has changed; one of another ledger is refused. */
function claimReader(
  { claims: path }: WatchConfig,
  domain: Domain,
  log: Log,
): () => Promise<readonly Claim[] | 'same'> {
  let last = ''
  return async () => {
    const found = await stat(path, { bigint: true }).catch(() => undefined)
    const version = found ? `${found.ino} ${found.mtimeNs} ${found.size}` : 'none'
    if (version === last) return 'same'
    const read = await readClaims(path)
    requireDomain(path, read, domain)
    last = version
    const ageSeconds = Math.floor(Date.now() / 1_000) - read.head.createdAtSeconds
    if (ageSeconds > OLD_EXPORT_SECONDS) {
      log('warn', 'the claims are old: see that "tickpay export claims --follow" runs', {
        ...{ path, ageSeconds },
      })
    }
    return read.claims.flatMap((one) => decodeClaim(one) ?? [])
  }
}

function show(look: Look, json: boolean, terminal: Terminal): ExitCode {
  const { channels, open, lost, shown, paid, nextDueAtSeconds } = look
  const refused = shown.filter(({ result }) => result.status === 'refused')
  const counts = { channels, open: `${open}`, lost, paid: `${paid}`, refused: refused.length }
  if (json) {
    const lines = shown.map(({ reason, allocation, position, result }) => ({
      ...{ reason, allocation, position, status: result.status, paid: `${result.paid}` },
      refusal: result.reason ?? null,
    }))
    terminal.out(jsonText({ ...counts, nextDueAtSeconds: nextDueAtSeconds ?? null, shown: lines }))
  } else {
    for (const { position, result } of refused) {
      terminal.out(`position ${position}: refused as ${result.reason}`)
    }
    const next = nextDueAtSeconds === undefined ? 'nothing is due' : `due ${dateOf(look)}`
    terminal.out(
      `${channels} channels, ${shown.length} shown, ${paid} minor units paid, ${open} open; ` +
        `${next}${lost > 0 ? `; ${lost} channels ran out` : ''}`,
    )
  }
  return refused.length > 0 || lost > 0 ? exitCodes.failed : exitCodes.ok
}

const dateOf = ({ nextDueAtSeconds = 0 }: Look) =>
  new Date(nextDueAtSeconds * 1_000).toISOString().slice(0, 19).concat('Z')
