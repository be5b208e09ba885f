/**
 * A gateway as configured, with a second node over HTTP that tells the truth, lies, or is away.
 * @module
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import * as v from 'valibot'
import { afterAll, afterEach, describe, expect, test } from 'vitest'
import { evmValue } from '../../ledger/evm/config.ts'
import { openEvm } from '../../ledger/evm/io/openEvm.ts'
import { fastSha256, fastVerify } from '../../ledger/io/fastVerify.ts'
import { nodePorts } from '../../ports/io/node.ts'
import { publicKeyOf } from '../../protocol/keys.ts'
import { freePort } from '../support/freePort.ts'
import { gatewayKey, START_SECONDS } from '../unit/ledger/world.ts'
import { GATEWAY_KEY } from './adapter.ts'
import { escrowScene } from './scene.ts'
import { hasAnvil } from './world.ts'

const { escrow, node, pass } = escrowScene()
const folder = mkdtempSync(join(tmpdir(), 'tickpay-evm-test-'))
const keyFile = join(folder, 'submitter.key')
writeFileSync(keyFile, GATEWAY_KEY, { mode: 0o600 })
const closing: (() => void)[] = []
afterEach(() => {
  for (const close of closing.splice(0)) close()
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

type Answer = { readonly result?: unknown }
type Lie = (method: string, answer: Answer) => Answer

async function bodyOf(request: IncomingMessage): Promise<string> {
  let body = ''
  for await (const chunk of request) body += String(chunk)
  return body
}

/** Another operator's node: the same chain, as `lie` tells it. */
async function otherNode(lie: Lie): Promise<string> {
  const server = createServer(async (request, response) => {
    const body = await bodyOf(request)
    const headers = { 'content-type': 'application/json' }
    const answer = await fetch(node().rpcUrl, { method: 'POST', headers, body })
    const { method } = JSON.parse(body) as { readonly method: string }
    response.writeHead(200, headers)
    response.end(JSON.stringify(lie(method, (await answer.json()) as Answer)))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  closing.push(() => server.close().closeAllConnections())
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

async function open(secondRpc: string) {
  const lines: string[] = []
  const ports = nodePorts((level, message) => lines.push(`${level} ${message}`))
  const settings = v.parse(evmValue, {
    ...{ kind: 'evm', rpc: node().rpcUrl, secondRpc, contract: escrow().address, keyFile },
    ...{ confirmations: 1, pollMs: 50 },
  })
  const { ledger, close } = await openEvm({
    settings,
    ports: { ...ports, clock: { ...ports.clock, nowMs: () => START_SECONDS * 1_000 } },
    payee: escrow().allocation.payee,
    gatewayKey: publicKeyOf(gatewayKey),
    verify: fastVerify,
    sha256: fastSha256,
  })
  closing.push(close)
  return { ledger, lines }
}

const claim = () => escrow().device(1).commit().claim(5)
const paid = async () => (await escrow().state())['paid']

describe.skipIf(!hasAnvil)('with a second node', () => {
  test('that says the same, the gateway is paid', async () => {
    const { ledger } = await open(await otherNode((_, answer) => answer))
    expect(await ledger.submit([claim()], 'a')).toMatchObject([{ status: 'paid', paid: 50n }])
    expect(ledger.firstPosition(escrow().id)).toBe(0)
    await ledger.allocation(escrow().id)
    expect(ledger.firstPosition(escrow().id)).toBe(2)
  })

  // T62
  test.each<[string, Lie]>([
    [
      'another chain',
      (method, answer) => (method === 'eth_chainId' ? { ...answer, result: '0x1' } : answer),
    ],
    [
      'another block',
      (method, answer) =>
        method === 'eth_getBlockByNumber'
          ? { ...answer, result: { ...(answer.result as object), hash: `0x${'5'.repeat(64)}` } }
          : answer,
    ],
    [
      'another state',
      (method, answer) =>
        method === 'eth_call'
          ? { ...answer, result: String(answer.result).replace(/1(?=[^1]*$)/, '2') }
          : answer,
    ],
  ])('that tells of %s, nothing is settled, and it is an alarm', async (_, lie) => {
    await pass(1)
    const { ledger, lines } = await open(await otherNode(lie))
    await expect(ledger.submit([claim()], 'a')).rejects.toThrow('two nodes disagree')
    const statement = ledger.submitStatement(escrow().statement([]), 'b')
    await expect(statement).rejects.toThrow('two nodes disagree, nothing is settled')
    expect(lines).toContain('error ledger evm: two nodes disagree')
    expect(await paid()).toBe(0n)
  })

  test('that is away, nothing is settled', async () => {
    const { ledger } = await open(`http://127.0.0.1:${await freePort()}`)
    await expect(ledger.submit([claim()], 'a')).rejects.toThrow()
    expect(await paid()).toBe(0n)
  })
})
