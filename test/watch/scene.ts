/**
 * A watcher on a ledger of others: its file of claims, and a clock that the test moves.
 * @module
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import * as v from 'valibot'
import { afterEach, vi } from 'vitest'
import { run } from '../../cli/run.ts'
import {
  CLAIM_FILE_VERSION,
  decodeClaim,
  encodeClaim,
  encodeClaimHead,
  frameItem,
} from '../../gateway/store/claimFile.ts'
import { fastSha256 } from '../../ledger/io/fastSha256.ts'
import type { Claim } from '../../ledger/ledger.ts'
import { watchConfigSchema, watchPolicyOf } from '../../ledger/watch/config.ts'
import { openWatched } from '../../ledger/watch/io/openWatched.ts'
import { createWatch } from '../../ledger/watch/service.ts'
import { nodePorts } from '../../ports/io/node.ts'
import { present } from '../../protocol/assert.ts'
import { concatBytes } from '../../protocol/bytes.ts'
import type { Domain } from '../../protocol/typedData.ts'
import { testTerminal } from '../support/testTerminal.ts'
import { START_SECONDS } from '../unit/ledger/world.ts'

export const newFolder = () => mkdtempSync(join(tmpdir(), 'tickpay-watch-'))

/** A new folder for each test. */
export function testFolder(): () => string {
  let folder: string | undefined
  afterEach(() => {
    if (folder !== undefined) rmSync(folder, { recursive: true, force: true })
    folder = undefined
  })
  return () => {
    folder ??= newFolder()
    return folder
  }
}

/** Writes what a gateway would have exported; answers where it is. */
export function writeClaims(folder: string, domain: Domain, claims: readonly Claim[]): string {
  const path = join(folder, 'claims.cbor')
  const head = encodeClaimHead({
    ...{ version: CLAIM_FILE_VERSION, gateway: 'gate-1', domain },
    ...{ createdAtSeconds: START_SECONDS, claims: claims.length },
  })
  writeFileSync(path, concatBytes(...[head, ...claims.map(encodeClaim)].map(frameItem)))
  return path
}

/** A command that ends by itself, as if it were `nowSeconds`; with what it said. */
export async function runAt(nowSeconds: number, words: readonly string[]) {
  const time = vi.spyOn(Date, 'now').mockReturnValue(nowSeconds * 1_000)
  const terminal = testTerminal()
  const code = await run(words, terminal)
  time.mockRestore()
  const error = terminal.errorLines.join('\n')
  return { code, error, ...JSON.parse(terminal.outLines[0] ?? '{}') }
}

/** `tickpay fleet withdraw` of an owner with these settings, as if it were `nowSeconds`. */
export function ownerCommands(folder: string, settings: object) {
  const path = join(folder, 'owner.yaml')
  writeFileSync(path, JSON.stringify(settings))
  return (nowSeconds: number, ...words: readonly string[]) =>
    runAt(nowSeconds, ['fleet', 'withdraw', ...words, '--owner', path, '--json'])
}

/** A watcher as `tickpay watch` opens it, on a clock of its own. */
export async function openWatcher(settings: object, claims: readonly Claim[]) {
  const config = v.parse(watchConfigSchema, { claims: 'given', ...settings })
  let laterSeconds = 0
  const lines: string[] = []
  const ports = nodePorts((level, message) => lines.push(`${level} ${message}`))
  const clock = { ...ports.clock, nowMs: () => (START_SECONDS + laterSeconds) * 1_000 }
  const { ledger, close } = await openWatched(config, { ...ports, clock })
  const { timers, log } = ports
  const watch = createWatch({
    ...{ ledger, clock, timers, log, sha256: fastSha256, policy: watchPolicyOf(config) },
    // As they come out of a file.
    readClaims: async () => claims.map((one) => present(decodeClaim(encodeClaim(one)), 'a claim')),
    pollMs: 1_000,
  })
  return {
    ...{ look: watch.look, close, lines },
    passTo: (seconds: number) => {
      laterSeconds = seconds - START_SECONDS
    },
  }
}
