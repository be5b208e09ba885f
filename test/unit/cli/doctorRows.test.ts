/** What the doctor says of certificates, and of a ledger that is somewhere else. */
import { mkdirSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import * as v from 'valibot'
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest'
import { run } from '../../../cli/run.ts'
import { freePort } from '../../support/freePort.ts'
import { createStoreSite, type StoreSite } from '../../support/storeSite.ts'
import { testTerminal } from '../../support/testTerminal.ts'

let site: StoreSite
const servers: Server[] = []

beforeAll(async () => {
  site = await createStoreSite()
})

afterEach(() => {
  vi.restoreAllMocks()
  for (const server of servers.splice(0)) server.close()
})

afterAll(() => site.remove())

const findingsSchema = v.array(
  v.object({ state: v.string(), check: v.string(), found: v.string(), advice: v.string() }),
)

/** The rows of one check, with `more` in the configuration. */
async function rows(check: string, more: string) {
  site.configure(more)
  const findings = v.parse(findingsSchema, (await site.ran('doctor')).data)
  return findings.filter((one) => one.check === check)
}

describe('certificates', () => {
  const daySeconds = 86_400
  let listener: string

  beforeAll(async () => {
    const pass = ['--passphrase-file', site.at('pass')]
    const ca = ['--dir', site.at('ca'), ...pass]
    mkdirSync(site.at('tls'))
    const server = ['--host', '127.0.0.1', '--days', '40', '--out', site.at('tls')]
    for (const words of [
      ['ca', 'create', ...ca],
      ['ca', 'server', ...server, ...ca],
    ]) {
      const terminal = testTerminal()
      expect({ code: await run(words, terminal), error: terminal.errorLines }).toEqual({
        code: 0,
        error: [],
      })
    }
    const files = `certificate: ${site.at('tls/server.pem')}, key: ${site.at('tls/server.key')}`
    const authority = `clientAuthority: ${site.at('ca/authorities.pem')}`
    listener = `[{ kind: tls, port: 0, ${files}, ${authority} }]`
  }, 60_000)

  const later = (days: number) => {
    const now = Date.now()
    vi.spyOn(Date, 'now').mockReturnValue(now + days * daySeconds * 1_000)
  }

  async function found(days: number) {
    later(days)
    process.env['TICKPAY_GATEWAY__LISTENERS'] = listener
    const found = await rows('certificates', '')
    delete process.env['TICKPAY_GATEWAY__LISTENERS']
    return found
  }

  test('that last are in order; those that end soon warn; one that has ended fails', async () => {
    expect(await found(0)).toEqual([expect.objectContaining({ state: 'ok' })])
    const advice = expect.stringContaining('tickpay ca renew')
    expect(await found(20)).toEqual([
      {
        state: 'warn',
        check: 'certificates',
        found: expect.stringMatching(/within 2\d days/),
        advice,
      },
    ])
    expect(await found(41)).toEqual([
      {
        state: 'fail',
        check: 'certificates',
        found: expect.stringContaining('has expired'),
        advice,
      },
    ])
  })
})

describe('a ledger in PostgreSQL', () => {
  test('that nobody answers for fails, and says what to do', async () => {
    const port = await freePort()
    const [row] = await rows(
      'ledger',
      `ledger: { kind: postgres, url: "postgres://books@127.0.0.1:${port}/books" }`,
    )
    expect(row).toMatchObject({ state: 'fail', found: expect.stringContaining(`${port}`) })
    expect(row?.advice.length).toBeGreaterThan(10)
  })
})

describe('a ledger on a chain', () => {
  const secret = 'key-of-the-service'
  const contract = `"0x${'ab'.repeat(20)}"`

  /** A node that says what it is told to; answers where it is. */
  async function node(answers: Readonly<Record<string, unknown>>): Promise<string> {
    const server = createServer((request, response) => {
      let text = ''
      request.on('data', (chunk) => {
        text += String(chunk)
      })
      request.on('end', () => {
        const { id, method } = JSON.parse(text)
        response.setHeader('content-type', 'application/json')
        response.end(JSON.stringify({ jsonrpc: '2.0', id, result: answers[method] }))
      })
    })
    servers.push(server)
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    return `http://127.0.0.1:${(server.address() as AddressInfo).port}/v3/${secret}`
  }

  const answers = (code: string, ageSeconds: number) => ({
    eth_chainId: '0xaa36a7',
    eth_getCode: code,
    eth_getBlockByNumber: {
      timestamp: `0x${(Math.floor(Date.now() / 1_000) - ageSeconds).toString(16)}`,
    },
  })

  const ledger = (rpc: string, more = '') => {
    const place = `rpc: "${rpc}", contract: ${contract}, keyFile: ${site.at('store.key')}`
    return `ledger: { kind: evm, ${place}${more} }`
  }

  test.each([
    ['that has the contract is in order', '0x6001', 5, 'ok', 'of chain 11155111 answers'],
    ['that is behind warns', '0x6001', 4_000, 'warn', 'is behind'],
    ['without the contract fails', '0x', 5, 'fail', 'no contract'],
  ] as const)('with a node %s', async (_, code, ageSeconds, state, found) => {
    const [row] = await rows('ledger', ledger(await node(answers(code, ageSeconds))))
    expect(row).toMatchObject({ state, found: expect.stringContaining(found) })
    expect(row?.advice === '').toBe(state === 'ok')
    expect(JSON.stringify(row)).not.toContain(secret)
  })

  test('with a node that is not there fails, the second as well', async () => {
    const away = `http://127.0.0.1:${await freePort()}/v3/${secret}`
    const sound = await node(answers('0x6001', 5))
    const more = `, secondRpc: "${away}"`
    expect(await rows('ledger', ledger(away))).toMatchObject([{ state: 'fail' }])
    const second = await rows('second node', ledger(sound, more))
    expect(second).toMatchObject([{ state: 'fail', found: expect.stringContaining('not answer') }])
    expect(JSON.stringify(second)).not.toContain(secret)
  })
})
