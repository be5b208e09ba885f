/**
 * A site: one agent program with simulated meters, each a process of its own, at a gateway, and a
 * relay in between that counts bytes.
 * @module
 */
import { execFileSync } from 'node:child_process'
import { mkdir, writeFile } from 'node:fs/promises'
import { connect, createServer, type Server, type Socket } from 'node:net'
import { join } from 'node:path'
import { newKeyFiles } from '../../cli/io/keyFiles.ts'
import { formatPublicKey } from '../../ports/keyText.ts'
import { firstLine, programPath, type RunningChild, startProgram } from '../children.ts'
import { enrolFleet, enrolKey, putMandates } from './enrol.ts'
import { benchGateway, type GatewayProcess } from './gateway.ts'
import { benchFleet } from './system.ts'

const METER_UNIT = 'kB'
const SECONDS_AN_HOUR = 3_600

export type AgentSite = {
  readonly agent: RunningChild
  /** Bytes of MQTT in both directions so far. */
  readonly wireBytes: () => number
  readonly stop: () => Promise<void>
}

/** Bundles the agent as devices get it; needs the project's folder as the current one. */
export function bundleAgent(folder: string): string {
  const file = join(folder, 'tickpay-agent.mjs')
  execFileSync(process.execPath, ['scripts/buildAgent.js', file], { stdio: 'ignore' })
  return file
}

/**
 * Starts meters that count `ticksPerSecond` units in all, and an agent that pays for each unit, run
 * by `node`: a program and its first words.
 */
export async function startAgentSite(
  folder: string,
  bundle: string,
  gateway: GatewayProcess,
  meters: number,
  ticksPerSecond: number,
  node: readonly string[] = [process.execPath],
): Promise<AgentSite> {
  await mkdir(folder, { recursive: true })
  const passphraseFile = join(folder, 'passphrase')
  const file = join(folder, 'device.key')
  const { publicKey } = await newKeyFiles(file, 'p256', passphraseFile)
  const names = Array.from({ length: meters }, (_, number) => `m-${number}`)
  const key = formatPublicKey(publicKey)
  await enrolFleet(gateway.calls)
  const specs = names.map((meter) => ({ meter, unit: METER_UNIT }))
  const answer = await enrolKey(gateway.calls, 'site', key, specs)
  await putMandates(gateway.calls, [answer])
  const ratePerHour = Math.round((ticksPerSecond * SECONDS_AN_HOUR) / meters)
  const sims = await Promise.all(names.map((name) => startMeter(folder, name, ratePerHour)))
  const relay = await startRelay(gateway.port)
  const config = join(folder, 'agent.yaml')
  const settings = {
    fleet: benchFleet,
    device: 'site',
    gateway: { id: benchGateway, url: `mqtt://127.0.0.1:${relay.port}`, key: answer.gateway.key },
    ledger: { chainId: answer.ledger.chainId, contract: answer.ledger.contract },
    key: { file, passphraseFile },
    stateDirectory: join(folder, 'state'),
    meters: names.map((name, place) => {
      return { name, unit: METER_UNIT, driver: 'firmware-link', source: sims[place]?.source }
    }),
    logLevel: 'error',
  }
  await writeFile(config, JSON.stringify(settings, undefined, 2))
  const [program = process.execPath, ...words] = node
  const agent = startProgram(program, [...words, bundle, config])
  return {
    agent,
    wireBytes: relay.bytes,
    stop: async () => {
      await agent.stop('SIGTERM')
      await Promise.all(sims.map(({ child }) => child.stop('SIGKILL')))
      relay.close()
    },
  }
}

async function startMeter(folder: string, name: string, ratePerHour: number) {
  const config = join(folder, `${name}.yaml`)
  const settings = {
    name,
    kind: 'firmware-link',
    line: 'tcp-listen://127.0.0.1:0',
    profile: 'steady',
    unit: METER_UNIT,
    ratePerHour,
  }
  await writeFile(config, JSON.stringify(settings))
  const program = programPath('../cli/main')
  const child = startProgram(process.execPath, [program, 'meter-sim', '--config', config])
  const said = await firstLine(child)
  return { child, source: said.slice(said.lastIndexOf(' ') + 1) }
}

type Relay = {
  readonly port: number
  readonly bytes: () => number
  readonly close: () => void
}

async function startRelay(port: number): Promise<Relay> {
  let bytes = 0
  const count = (socket: Socket) => {
    socket.setNoDelay(true)
    socket.on('error', () => {})
    socket.on('data', (chunk: Buffer) => {
      bytes += chunk.length
    })
  }
  const server: Server = createServer((near) => {
    const far = connect({ port, host: '127.0.0.1' })
    count(near)
    count(far)
    near.pipe(far).pipe(near)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  return {
    port: typeof address === 'object' && address ? address.port : 0,
    bytes: () => bytes,
    close: () => void server.close(),
  }
}
