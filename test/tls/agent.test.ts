/** The agent as devices carry it, over TLS: it pays, stays small, and says why it may not. */
import type { ChildProcess } from 'node:child_process'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { askStatus } from '../../agent/io/controlSocket.ts'
import type { AgentStatus } from '../../agent/status.ts'
import { parseMeterSimConfig } from '../../firmware-sim/config.ts'
import { openLines } from '../../firmware-sim/io/lines.ts'
import type { MeterSim } from '../../firmware-sim/simulator.ts'
import { startMeterSim } from '../../firmware-sim/simulator.ts'
import { writeKeyFile } from '../../ports/io/keyFile.ts'
import { nodePorts } from '../../ports/io/node.ts'
import { formatPublicKey } from '../../ports/keyText.ts'
import { bytesToHex } from '../../protocol/bytes.ts'
import { until } from '../support/until.ts'
import type { TlsSite } from './site.ts'
import { openTlsSite } from './site.ts'

/** On Node 20, which small machines run; later ones take more for themselves. */
const RSS_KB_MAX = (process.version.startsWith('v20.') ? 80 : 96) * 1024

let site: TlsSite
let meter: MeterSim
let agent: ChildProcess
let status: Partial<AgentStatus> = {}

beforeAll(async () => {
  site = await openTlsSite()
  const load = { profile: 'steady', unit: 'Wh', ratePerHour: 72_000, initialRegister: 5_000 }
  const line = { ...load, kind: 'firmware-link', line: 'tcp-listen://127.0.0.1:0' }
  const ports = nodePorts(() => {})
  meter = await startMeterSim(parseMeterSimConfig(line), ports, { openLines, disk: undefined })
  const at = (name: string) => join(site.folder, name)
  const { identity, key } = await site.enrol('ev-1')
  await writeKeyFile(at('ev-1.key'), key, 'secret')
  const config = {
    fleet: 'acme',
    device: 'ev-1',
    gateway: {
      id: 'depot',
      url: `mqtts://localhost:${site.port}`,
      key: formatPublicKey(site.gatewayKey),
      tls: site.tls('acme.ev-1'),
    },
    ledger: { chainId: 0, contract: bytesToHex(identity.domain.verifyingContract) },
    key: { file: at('ev-1.key'), passphraseEnv: 'PASS' },
    stateDirectory: at('state'),
    meters: [
      {
        name: 'main',
        unit: 'Wh',
        driver: 'firmware-link',
        source: meter.where().replace('tcp-listen:', 'tcp:'),
        pollMs: 100,
      },
    ],
  }
  writeFileSync(at('agent.yaml'), JSON.stringify(config))
  const script = new URL('../../scripts/buildAgent.js', import.meta.url).href
  const { bundleAgent } = (await import(script)) as {
    bundleAgent: (outfile: string) => Promise<unknown>
  }
  await bundleAgent(at('agent.mjs'))
  agent = spawn(process.execPath, [at('agent.mjs'), at('agent.yaml')], {
    env: { ...process.env, PASS: 'secret' },
    stdio: 'ignore',
  })
})

afterAll(async () => {
  const ended = once(agent, 'exit')
  agent.kill('SIGTERM')
  await ended
  await meter.close()
  await site.close()
})

/** Waits for a status that `look` likes. */
function seen(what: string, look: (status: Partial<AgentStatus>) => boolean): Promise<unknown> {
  const ask = async () => {
    const found = await askStatus(join(site.folder, 'state', 'agent.sock'), 1_000)
    status = (found ?? {}) as Partial<AgentStatus>
  }
  return until(what, () => {
    void ask().catch(() => {})
    return look(status)
  })
}

test('it pays with no private key in the clear beside it, within its memory', async () => {
  await seen('a payment', ({ meters }) => (meters?.[0]?.index ?? 0) > 2)
  const memory = readFileSync(`/proc/${agent.pid}/status`, 'utf8')
  expect(Number(/VmRSS:\s+(\d+)/.exec(memory)?.[1])).toBeLessThan(RSS_KB_MAX)
})

test('it says that its certificate is not accepted, and goes on trying', async () => {
  await site.ca('revoke', 'acme/ev-1')
  await seen('why it is not online', ({ connection, connectionReason }) => {
    return connection === 'waiting' && /it closed the connection/.test(connectionReason ?? '')
  })
  expect(agent.exitCode).toBe(null)
})
