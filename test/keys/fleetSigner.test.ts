/**
 * A fleet whose signer never leaves its token: real SoftHSM2 through pkcs11-tool, a real gateway,
 * and the fleet's configuration as its commands read it.
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import * as v from 'valibot'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { stringify } from 'yaml'
import { fleetPrefix } from '../../cli/commands/fleetServe.ts'
import { openSigner } from '../../cli/io/keyFiles.ts'
import { run } from '../../cli/run.ts'
import { fleetConfigSchema, policyOf } from '../../fleet/config.ts'
import type { FleetService } from '../../fleet/service.ts'
import { startFleetService } from '../../fleet/service.ts'
import { brokerConnector } from '../../ports/io/brokerLogin.ts'
import { readConfigFile } from '../../ports/io/configFile.ts'
import { nodePorts } from '../../ports/io/node.ts'
import { publicKeyFromSpki } from '../../ports/io/publicKeyFile.ts'
import { formatPublicKey } from '../../ports/keyText.ts'
import { present } from '../../protocol/assert.ts'
import { parseHex } from '../../protocol/bytes.ts'
import { parsePublicKey } from '../../protocol/keys.ts'
import type { Payee } from '../independent/payee.ts'
import { fleet, openPayee } from '../independent/payee.ts'
import type { SoftHsm } from '../support/softHsm.ts'
import { openSoftHsm, softHsmMissing } from '../support/softHsm.ts'
import { testTerminal } from '../support/testTerminal.ts'
import { until } from '../support/until.ts'

if (softHsmMissing) process.stderr.write(`NOT TESTED: a signer in a token: ${softHsmMissing}\n`)

let hsm: SoftHsm
let payee: Payee
let folder: string
let configFile: string

const aboutSchema = v.object({
  gatewayKey: v.string(),
  domain: v.object({ chainId: v.string(), verifyingContract: v.string() }),
})
let about: v.InferOutput<typeof aboutSchema>

beforeAll(async () => {
  if (softHsmMissing) return
  folder = mkdtempSync(join(tmpdir(), 'tickpay-hsm-fleet-'))
  hsm = openSoftHsm()
  payee = await openPayee(tokenKey())
  const device = await payee.enrol('ev-1', 'p256')
  about = v.parse(aboutSchema, JSON.parse(readFileSync(await device.configFile(), 'utf8')))
  configFile = join(folder, 'fleet.yaml')
  writeFileSync(
    configFile,
    stringify({
      fleet,
      gateway: { id: 'gw-1', url: `mqtt://127.0.0.1:${payee.port}`, key: gatewayKeyText() },
      ledger: { chainId: about.domain.chainId, contract: about.domain.verifyingContract },
      key: { command: hsm.command, publicKey: formatPublicKey(tokenKey()) },
      policy: { default: { limit: '1EUR', limitPerDay: '1EUR' } },
    }),
  )
})
afterAll(async () => {
  if (softHsmMissing) return
  await payee.close()
  hsm.close()
  rmSync(folder, { recursive: true })
})

function tokenKey() {
  return present(publicKeyFromSpki(readFileSync(hsm.publicKeyFile)), 'a P-256 key')
}

function gatewayKeyText() {
  const bytes = present(parseHex(about.gatewayKey), 'hex')
  return formatPublicKey(present(parsePublicKey(bytes), 'a key'))
}

async function mandateSequence(): Promise<number> {
  const channels = v.parse(
    v.array(v.object({ mandate: v.nullish(v.object({ sequence: v.number() })) })),
    await payee.call('channels', { fleet }),
  )
  return channels[0]?.mandate?.sequence ?? 0
}

/** What `tickpay fleet serve` starts. */
async function serve(): Promise<FleetService> {
  const config = await readConfigFile(configFile, fleetPrefix, fleetConfigSchema, {})
  const { signerKey, ownKey } = await openSigner(config.key, () => {})
  expect(ownKey).toBeUndefined()
  const { gateway, ledger } = config
  const domain = { chainId: ledger.chainId, verifyingContract: ledger.contract }
  const identity = { fleet, signerKey, gateway, domain }
  const connector = await brokerConnector(gateway, {}, ownKey)
  const policy = policyOf(config)
  return startFleetService(
    { identity, policy, connector },
    nodePorts(() => {}),
  )
}

describe.skipIf(softHsmMissing)('T20: the signer of a fleet in a PKCS#11 token', () => {
  test('is asked for a signature by "tickpay check"', async () => {
    expect(await run(['check', configFile], testTerminal())).toBe(0)
  })

  test('signs in, and signs the mandates of the devices', async () => {
    const service = await serve()
    let sequence = 0
    await until('a mandate of the token', () => {
      void mandateSequence().then((found) => {
        sequence = found
      })
      return sequence === 1
    })
    expect(service.state()).toBe('connected')
    await service.stop()
  })

  test('signs a Command, which the gateway carries out', async () => {
    const command = ['fleet', 'pause', '--device', 'ev-1', '--config', configFile]
    const terminal = testTerminal()
    expect(await run(command, terminal), terminal.errorLines.join()).toBe(0)
    expect(JSON.stringify(await payee.call('channels', { fleet }))).toContain('paused')
  })
})
