/** Health and metrics of a real gateway, asked over real HTTP. */
import { request } from 'node:http'
import { connect } from 'node:net'
import * as v from 'valibot'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { readGatewayConfig } from '../../../cli/io/gatewayCalls.ts'
import { HTTP_PORT_DEFAULT, httpValue } from '../../../gateway/http/config.ts'
import { openServer } from '../../../gateway/http/io/server.ts'
import type { OpenGateway } from '../../../gateway/io/openGateway.ts'
import { openGateway } from '../../../gateway/io/openGateway.ts'
import { PLAINTEXT_CONSENT } from '../../../gateway/plaintext.ts'
import { nodePorts } from '../../../ports/io/node.ts'
import { createStoreSite, type StoreSite } from '../../support/storeSite.ts'

let site: StoreSite
let opened: OpenGateway

beforeAll(async () => {
  site = await createStoreSite()
  opened = await openWith('http: { port: 0 }')
})

afterAll(async () => {
  await opened.close()
  site.remove()
})

async function openWith(more: string, data?: string): Promise<OpenGateway> {
  site.configure(more, data)
  const settings = await readGatewayConfig(site.at('gateway.yaml'))
  return openGateway(
    settings,
    nodePorts(() => {}),
    (error) => {
      throw error
    },
  )
}

type Got = { readonly status: number | undefined; readonly type: string; readonly body: string }

function ask(path: string, method = 'GET'): Promise<Got> {
  return new Promise((resolve, reject) => {
    const asking = request({ port: opened.httpPort, path, method }, (answer) => {
      let body = ''
      answer.setEncoding('utf8')
      answer.on('data', (text) => {
        body += text
      })
      answer.on('end', () => {
        const type = answer.headers['content-type'] ?? ''
        resolve({ status: answer.statusCode, type, body })
      })
    })
    asking.on('error', reject)
    asking.end()
  })
}

test('a gateway that runs is alive, ready, and tells its figures', async () => {
  const health = await ask('/healthz')
  expect(health).toMatchObject({ status: 200, type: 'application/json' })
  expect(JSON.parse(health.body)).toMatchObject({ status: 'alive', gateway: 'depot' })
  const ready = await ask('/readyz')
  expect(JSON.parse(ready.body)).toEqual({
    ready: true,
    gateway: 'depot',
    checks: [
      { name: 'store', ok: true, reason: 'open' },
      { name: 'ledger', ok: true, reason: 'answers' },
      { name: 'broker', ok: true, reason: 'listening' },
    ],
  })
  const metrics = await ask('/metrics?x=1')
  expect(metrics.status).toBe(200)
  expect(metrics.type).toContain('text/plain; version=0.0.4')
  expect(metrics.body).toContain('tickpay_gateway_info{gateway="depot"} 1\n')
  expect(metrics.body).toMatch(/tickpay_event_loop_lag_seconds\{percentile="99"\} \d/)
})

test('only what is there, and only to read', async () => {
  expect((await ask('/')).status).toBe(404)
  expect((await ask('/healthz', 'POST')).status).toBe(405)
  expect(await ask('/healthz', 'HEAD')).toMatchObject({ status: 200, body: '' })
})

test('a header that is too large is refused', async () => {
  const line = connect(opened.httpPort ?? 0, '127.0.0.1')
  line.write(`GET /healthz HTTP/1.1\r\nhost: a\r\nx: ${'x'.repeat(20_000)}\r\n\r\n`)
  const answer = await new Promise<string>((resolve) => {
    line.once('data', (bytes) => resolve(bytes.toString()))
    line.once('error', () => resolve('HTTP/1.1 431'))
  })
  expect(answer).toContain('431')
  line.destroy()
})

test('a port that is taken is named, and the store is free for the next start', async () => {
  const port = opened.httpPort ?? 0
  const start = openWith(`http: { port: ${port} }`, site.at('second'))
  await expect(start).rejects.toThrow(`cannot serve HTTP on 127.0.0.1:${port}: another program`)
  const second = await openWith('', site.at('second'))
  expect(second.httpPort).toBeUndefined()
  await second.close()
})

test('what fails inside is an answer, and a line in the log', async () => {
  const lines: string[] = []
  const fails = () => Promise.reject(new Error('a bug'))
  const server = await openServer({ host: '127.0.0.1', port: 0 }, fails, (_level, message) =>
    lines.push(message),
  )
  const { status } = await fetch(`http://127.0.0.1:${server.port}/metrics`)
  expect(status).toBe(500)
  expect(lines).toEqual(['a request over HTTP failed'])
  await server.close()
})

describe('where it is served', () => {
  test('on this machine alone, unless the words are said', () => {
    expect(v.parse(httpValue, {})).toEqual({ host: '127.0.0.1', port: HTTP_PORT_DEFAULT })
    expect(v.safeParse(httpValue, { host: '0.0.0.0' }).success).toBe(false)
    const said = { host: '0.0.0.0', plaintextOnNetwork: PLAINTEXT_CONSENT }
    expect(v.safeParse(httpValue, said).success).toBe(true)
    expect(v.safeParse(httpValue, { ...said, plaintextOnNetwork: 'yes' }).success).toBe(false)
  })
})
