/**
 * A device whose key never leaves its token: real SoftHSM2 through pkcs11-tool, a real gateway, and
 * an agent as its configuration file starts it.
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import * as v from 'valibot'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { stringify } from 'yaml'
import type { Agent } from '../../agent/agent.ts'
import { readAgentConfig, runAgent } from '../../agent/io/runAgent.ts'
import { run } from '../../cli/run.ts'
import { publicKeyFromSpki } from '../../ports/io/publicKeyFile.ts'
import { commandSigner } from '../../ports/io/signerCommand.ts'
import { formatPublicKey } from '../../ports/keyText.ts'
import { present } from '../../protocol/assert.ts'
import { verifyDigest } from '../../protocol/keys.ts'
import type { Payee } from '../independent/payee.ts'
import { fleet, openPayee } from '../independent/payee.ts'
import { counting } from '../support/fixtures.ts'
import type { SoftHsm } from '../support/softHsm.ts'
import { openSoftHsm, softHsmMissing } from '../support/softHsm.ts'
import type { TcpMeter } from '../support/tcpMeter.ts'
import { startTcpMeter } from '../support/tcpMeter.ts'
import { testTerminal } from '../support/testTerminal.ts'
import { until } from '../support/until.ts'

if (softHsmMissing) process.stderr.write(`NOT TESTED: keys in a token: ${softHsmMissing}\n`)

let hsm: SoftHsm
let payee: Payee
let meter: TcpMeter
let folder: string
let configFile: string
let agent: Agent | undefined

const device = 'ev-hsm'

beforeAll(async () => {
  if (softHsmMissing) return
  folder = mkdtempSync(join(tmpdir(), 'tickpay-hsm-agent-'))
  hsm = openSoftHsm()
  payee = await openPayee()
  meter = await startTcpMeter()
  configFile = await configure()
})
afterAll(async () => {
  if (softHsmMissing) return
  await agent?.close()
  await meter.close()
  await payee.close()
  hsm.close()
  rmSync(folder, { recursive: true })
})

/** Enrols the key of the token, with a mandate, and writes the device's configuration. */
async function configure(): Promise<string> {
  const template = await (await payee.enrol('template', 'p256')).configFile()
  const about = v.parse(
    v.object({ port: v.number(), gatewayKey: v.string(), domain: v.unknown() }),
    JSON.parse(readFileSync(template, 'utf8')),
  )
  const publicKey = formatPublicKey(tokenKey())
  const meters = [{ meter: 'main', unit: 'Wh' }]
  const answer = v.parse(
    v.object({
      gateway: v.object({ id: v.string(), key: v.string() }),
      ledger: v.object({ chainId: v.string(), contract: v.string() }),
      channels: v.array(v.object({ channelId: v.string() })),
    }),
    await payee.call('enrol_device', { fleet, device, publicKey, meters }),
  )
  await payee.mandate(present(answer.channels[0], 'a channel').channelId, 1, 10_000n)
  const secret = join(folder, 'chain.secret')
  writeFileSync(secret, '11'.repeat(32), { mode: 0o600 })
  const path = join(folder, 'agent.yaml')
  const config = {
    fleet,
    device,
    gateway: { ...answer.gateway, url: `mqtt://127.0.0.1:${about.port}` },
    ledger: answer.ledger,
    key: { command: hsm.command, publicKey, chainSecret: { file: secret } },
    stateDirectory: join(folder, 'state'),
    logLevel: 'error',
    meters: meter.meters,
  }
  writeFileSync(path, stringify(config))
  return path
}

function tokenKey() {
  return present(publicKeyFromSpki(readFileSync(hsm.publicKeyFile)), 'a P-256 key')
}

async function unitsPaid(): Promise<bigint> {
  const channels = v.parse(
    v.array(v.object({ unitsPaid: v.string() })),
    await payee.call('channels', { fleet, device }),
  )
  return BigInt(present(channels[0], 'a channel').unitsPaid)
}

async function paidMore(): Promise<void> {
  const before = await unitsPaid()
  let now = before
  const ask = async () => {
    now = await unitsPaid()
  }
  await until('more is paid', () => {
    void ask()
    return now > before + 10n
  })
}

describe.skipIf(softHsmMissing)('T20: a key in a PKCS#11 token', () => {
  test('signs through pkcs11-tool, and what it signs is verified', async () => {
    const signer = commandSigner({ command: hsm.command, publicKey: tokenKey() })
    for (let round = 0; round < 16; round++) {
      const digest = counting(round)
      const signature = await signer.sign(digest)
      expect(verifyDigest(signer.publicKey, digest, signature)).toBe(true)
    }
  })

  test('was made inside and never leaves it', () => {
    expect(hsm.access()).toContain('always sensitive, never extractable, local')
  })

  test('is named by its DER file, and the configuration passes "tickpay check"', async () => {
    const terminal = testTerminal()
    expect(await run(['keys', 'show', hsm.publicKeyFile], terminal)).toBe(0)
    expect(terminal.outLines.join()).toContain(formatPublicKey(tokenKey()))
    expect(await run(['check', configFile], testTerminal())).toBe(0)
  })

  test('pays at a real gateway, before and after a restart', async () => {
    agent = await runAgent(await readAgentConfig(configFile, {}), {}, '0.0.0')
    await paidMore()
    await agent.close()
    agent = await runAgent(await readAgentConfig(configFile, {}), {}, '0.0.0')
    await paidMore()
    expect(agent.status().signatures.connects).toBe(1)
    expect(agent.status().problems).toEqual([])
    await agent.close()
    agent = undefined
  })

  test('that is gone is said so, and the agent goes on trying', async () => {
    const config = await readAgentConfig(configFile, {})
    const command = [...hsm.command.slice(0, -1), '99']
    agent = await runAgent({ ...config, key: { ...config.key, command } }, {}, '0.0.0')
    const reason = await until(
      'the failure is told',
      () => agent?.status().connectionReason ?? false,
    )
    expect(reason).toMatch(/^the signer command pkcs11-tool signed nothing: it ended with code 1/)
    await agent.close()
    agent = undefined
  })
})
