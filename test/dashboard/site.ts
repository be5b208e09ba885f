/**
 * A gateway with a fleet, devices that pay what a test tells them to, and a browser that looks at
 * its dashboard.
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { TOTP } from 'otpauth'
import type { Page } from 'playwright-core'
import * as v from 'valibot'
import { gatewayConfigSchema } from '../../gateway/config.ts'
import type { OpenGateway } from '../../gateway/io/openGateway.ts'
import { openGateway } from '../../gateway/io/openGateway.ts'
import { brokerConnector } from '../../ports/io/brokerLogin.ts'
import { createKeyFile, createKeyPair } from '../../ports/io/keyFile.ts'
import { nodePorts } from '../../ports/io/node.ts'
import { formatPublicKey } from '../../ports/keyText.ts'
import type { SiteDevice } from '../bridge/device.ts'
import { connectSiteDevice } from '../bridge/device.ts'
import { until } from '../support/until.ts'
import { enrolAt, fleet } from '../tls/site.ts'

export { chromiumPath, hasChromium, openBrowser, signIn } from '../support/browser.ts'

export type Credential = { readonly username: string; readonly password: string }

export type Operator = Credential & { readonly secret: string }

export type DashboardSite = {
  readonly url: string
  readonly call: OpenGateway['gateway']['call']
  readonly credential: (name: string, rights: readonly string[]) => Promise<Credential>
  readonly operator: (name: string) => Promise<Operator>
  readonly device: (name: string) => Promise<SiteDevice>
  readonly close: () => Promise<void>
}

export async function openDashboardSite(): Promise<DashboardSite> {
  const folder = mkdtempSync(join(tmpdir(), 'tickpay-dashboard-'))
  const at = (name: string) => join(folder, name)
  writeFileSync(at('passphrase'), 'passphrase\n', { mode: 0o600 })
  await createKeyFile(at('key.json'), 'p256', 'passphrase')
  const settings = v.parse(gatewayConfigSchema, {
    gateway: 'depot',
    data: at('data'),
    key: { file: at('key.json'), passphraseFile: at('passphrase') },
    payee: 'acme-energy',
    asset: { code: 'EUR', scale: 6 },
    listeners: [
      { kind: 'tcp', port: 0 },
      { kind: 'ws', port: 0, roles: ['reader'] },
    ],
    tariffs: [{ unit: 'Wh', unitsPerTick: '10', pricePerTick: '300' }],
    reportSeconds: 1,
  })
  const opened = await openGateway(
    settings,
    nodePorts(() => {}),
    (error) => {
      throw error
    },
  )
  const { call } = opened.gateway
  const signer = createKeyPair('ed25519')
  await call('enrol_fleet', { fleet, signerKey: formatPublicKey(signer.publicKey) })
  await call('ledger_fund', { fleet, amount: '1000000000' })
  const [tcp, ws] = opened.listening
  const devices: SiteDevice[] = []
  return {
    url: `http://127.0.0.1:${ws}/`,
    call,
    credential: async (name, rights) =>
      (await call('credential_add', { fleet, name, rights })) as Credential,
    operator: async (name) => (await call('operator_add', { fleet, name })) as Operator,
    device: async (name) => {
      const enrolled = await enrolAt(opened, signer, name)
      const url = `mqtt://127.0.0.1:${tcp}`
      const connector = await brokerConnector({ url }, {}, enrolled.key.privateKey)
      const device = await connectSiteDevice(enrolled, connector)
      devices.push(device)
      return device
    },
    close: async () => {
      for (const device of devices) await device.close()
      await opened.close()
      rmSync(folder, { recursive: true })
    },
  }
}

/** The code that an authenticator shows `steps` of thirty seconds from now. */
export function codeOf({ secret }: Operator, steps = 0): string {
  return new TOTP({ secret }).generate({ timestamp: Date.now() + steps * 30_000 })
}

/** The text of a figure, waited for: what a person reads, without the gaps between thousands. */
export async function figureIs(page: Page, name: string, text: string): Promise<void> {
  const found = page.locator(`[data-figure="${name}"]`)
  await found.waitFor()
  let seen = ''
  const look = async () => {
    seen = ((await found.textContent()) ?? '').replaceAll('\u202f', '')
  }
  await until(`${name} is ${text}`, () => {
    void look().catch(() => {})
    return seen === text
  })
}

type Violation = { readonly id: string; readonly impact: string; readonly nodes: unknown[] }

/** What axe finds on the page as it is now, of some weight. */
export async function violations(page: Page): Promise<readonly string[]> {
  const path = createRequire(import.meta.url).resolve('axe-core/axe.min.js')
  await page.evaluate(readFileSync(path, 'utf8'))
  const found = (await page.evaluate('axe.run(document).then((all) => all.violations)')) as
    | readonly Violation[]
    | []
  return found
    .filter(({ impact }) => impact === 'serious' || impact === 'critical')
    .map(({ id, nodes }) => `${id}: ${JSON.stringify(nodes)}`)
}
