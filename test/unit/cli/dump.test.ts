/** What `tickpay dump` says of a gateway, and what it must not. */
import { readFileSync, writeFileSync } from 'node:fs'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { withoutSecrets, withPseudonyms } from '../../../cli/dump/redact.ts'
import { run } from '../../../cli/run.ts'
import { createStoreSite, names, type StoreSite } from '../../support/storeSite.ts'
import { testTerminal } from '../../support/testTerminal.ts'

const canary = 'canary-4f1d7b'
const pseudonym = (kind: string, name: string) => `${kind}-${name.length}`

describe('of a value', () => {
  test('nothing that is secret, or where secrets stand, is left', () => {
    const value = {
      url: `postgres://me:${canary}@db.example:5432/books?key=${canary}`,
      note: `cannot reach https://eth.example/v3/${canary}: timeout`,
      broker: { username: 'depot', password: canary },
      storeKey: { command: ['vault', '--token', canary] },
      key: { file: '/etc/k', passphraseEnv: 'PASS', privateKey: canary, chainSecret: canary },
      totp: { secret: canary, salt: canary, apiToken: canary },
      bytes: new TextEncoder().encode(canary),
      listeners: [{ kind: 'tcp', port: 1_883 }],
      amount: 12n,
    }
    const clean = withoutSecrets(value)
    expect(JSON.stringify(clean)).not.toContain(canary)
    expect(clean).toMatchObject({
      url: 'postgres://db.example:5432',
      note: 'cannot reach https://eth.example timeout',
      storeKey: { command: '<3 words>' },
      key: { file: '/etc/k', passphraseEnv: 'PASS' },
      listeners: [{ kind: 'tcp', port: 1_883 }],
      amount: '12',
    })
  })

  test('names are pseudonyms wherever they stand, and figures stay', () => {
    const value = {
      channels: [{ fleet: 'acme', device: 'ev-1', meter: 'garage', paid: '12000', reason: 'ok' }],
      accounts: { 'fleet:acme': '5', other: ['acme/ev-1 at 10.1.2.3 in /home/jo/x.yaml'] },
      meters: [{ name: 'garage' }],
      channelId: 'ab'.repeat(32),
      text: 'ev-12 is not ev-1',
    }
    const shown = withPseudonyms(value, pseudonym)
    expect(shown).toMatchObject({
      channels: [{ fleet: 'fleet-4', device: 'device-4', meter: 'meter-6', paid: '12000' }],
      accounts: { 'fleet:fleet-4': '5', other: ['fleet-4/device-4 at host-8 in path-15'] },
      channelId: 'id-64',
      text: 'ev-12 is not device-4',
    })
  })
})

describe('of a gateway', () => {
  let site: StoreSite
  const commands = ['sh', '-c', `: ${canary}; printf ${'1f'.repeat(32)}`]

  beforeAll(async () => {
    site = await createStoreSite()
    site.configure(`storeKey: { command: ${JSON.stringify(commands)} }`)
    await site.enrol()
    await site.ran('credential', 'add', names.fleet, 'jane-doe')
  }, 120_000)

  afterAll(() => site?.remove())

  async function dumped(...words: string[]) {
    const terminal = testTerminal()
    const code = await run(['dump', '--config', site.at('gateway.yaml'), ...words], terminal)
    expect({
      code,
      error: terminal.errorLines.filter((line) => !line.includes('no gateway')),
    }).toEqual({ code: 0, error: [] })
    return terminal.outLines.join('\n')
  }

  // T74
  test('tells configuration and state, and no secret', async () => {
    const text = await dumped()
    expect(JSON.parse(text)).toMatchObject({
      about: { role: 'gateway' },
      configuration: { storeKey: { command: '<3 words>' } },
      state: { channels: [{ fleet: names.fleet, device: names.device, paid: '0' }] },
    })
    const secrets = [canary, readFileSync(site.at('pass'), 'utf8'), '1f'.repeat(8)]
    for (const secret of secrets) expect(text).not.toContain(secret)
  })

  // T73
  test('and with --redact no name, the same pseudonyms each time', async () => {
    const text = await dumped('--redact')
    const known = [
      ...Object.values(names),
      'jane-doe',
      site.folder,
      readFileSync(site.at('ev-1.pub'), 'utf8').trim(),
    ]
    for (const name of known) expect(text).not.toContain(name)
    const again = JSON.parse(await dumped('--redact'))
    expect(again.state.channels).toEqual(JSON.parse(text).state.channels)
    const fleet = expect.stringMatching(/^fleet-[0-9a-f]{8}$/)
    expect(again.state.channels).toMatchObject([{ fleet, paid: '0' }])
  })

  test('says so where a configuration is neither of a gateway nor of an agent', async () => {
    writeFileSync(site.at('fleet.yaml'), 'policy: {}\n')
    const terminal = testTerminal()
    const code = await run(['dump', '--config', site.at('fleet.yaml')], terminal)
    expect(code).not.toBe(0)
    expect(terminal.errorLines.join()).toContain(
      'is of a fleet: give the one of a gateway or an agent',
    )
  })
})
