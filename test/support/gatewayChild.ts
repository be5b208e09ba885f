/**
 * A real gateway in a process of its own, which tells its parent what it holds and how much memory
 * it takes. Started by `gatewayProcess.ts`.
 * @module
 */
import { readFileSync } from 'node:fs'
import * as v from 'valibot'
import { gatewayConfigSchema } from '../../gateway/config.ts'
import type { OpenGateway } from '../../gateway/io/openGateway.ts'
import { openGateway } from '../../gateway/io/openGateway.ts'
import { nodeClock, nodePorts } from '../../ports/io/node.ts'
import { describeChannel } from './gatewayState.ts'

export type ChildRequest =
  | { readonly ask: 'open'; readonly config: unknown }
  | { readonly ask: 'call'; readonly verb: string; readonly args: unknown }
  /** Everything that is stored of these channels, as text. */
  | { readonly ask: 'channels'; readonly numbers: readonly number[] }
  | { readonly ask: 'domain' }
  /** Anonymous memory in bytes, after a collection. */
  | { readonly ask: 'memory' }
  /** Moves the gateway's wall clock. */
  | { readonly ask: 'skew'; readonly ms: number }
  | { readonly ask: 'close' }

let skewMs = 0
let opened: OpenGateway | undefined

async function answer(request: ChildRequest): Promise<unknown> {
  if (request.ask === 'open') {
    const ports = {
      ...nodePorts((level, message, fields) => {
        if (level === 'error') process.stderr.write(`${message} ${JSON.stringify(fields)}\n`)
      }),
      clock: { ...nodeClock, nowMs: () => nodeClock.nowMs() + skewMs },
    }
    opened = await openGateway(v.parse(gatewayConfigSchema, request.config), ports, (error) => {
      throw error
    })
    return opened.listening
  }
  if (!opened) throw new Error('open it first')
  const { core, call } = opened.gateway
  switch (request.ask) {
    case 'call':
      return call(request.verb, request.args)
    case 'channels':
      return request.numbers.map((number) => describeChannel(core.state, number))
    case 'domain':
      return Buffer.from(core.state.domain.verifyingContract).toString('hex')
    case 'memory':
      return anonymousBytes()
    case 'skew':
      skewMs = request.ms
      return skewMs
    case 'close':
      await opened.close()
      return true
  }
}

/**
 * Garbage that fills the young generation (two halves of 16 MiB): how much of it was ever touched
 * would otherwise count as growth, and the more the less a gateway has thrown away before.
 */
const GARBAGE_ARRAYS = 10_000
const GARBAGE_NUMBERS = 1_000

function anonymousBytes(): number {
  let garbage: number[] = []
  for (let i = 0; i < GARBAGE_ARRAYS; i++) garbage = new Array<number>(GARBAGE_NUMBERS).fill(i)
  garbage.length = 0
  globalThis.gc?.()
  globalThis.gc?.()
  const status = readFileSync('/proc/self/status', 'utf8')
  return Number(/^RssAnon:\s+(\d+) kB$/m.exec(status)?.[1]) * 1_024
}

process.on('message', ({ id, request }: { id: number; request: ChildRequest }) => {
  answer(request).then(
    (value) => process.send?.({ id, value }),
    (error: unknown) => process.send?.({ id, error: String(error) }),
  )
})
process.on('disconnect', () => process.exit())
