/**
 * A gateway with two listeners, a plain one and one with TLS 1.3 and client certificates, an
 * authority, and a P-256 certificate for each device and the key that it signs with.
 * @module
 */
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import {
  makeAuthority,
  makeCertificate,
  makeRevocationList,
  type Signer,
} from '../../cli/certificates/io/x509.ts'
import { clientIdOf } from '../../protocol/connect.ts'
import { freePort } from '../children.ts'
import { forAll } from '../load/connection.ts'
import { benchKey, keyPem, keySpki } from '../load/keys.ts'
import type { DevicePlan, TlsPlan } from '../load/messages.ts'
import { atPuback } from './brokers.ts'
import { enrol } from './enrol.ts'
import { type GatewayProcess, makeGateway, type RaisedLimits, startGateway } from './gateway.ts'
import type { System } from './system.ts'

const YEAR_SECONDS = 31_536_000
const SIGNED_AT_ONCE = 16
/** Certificates that the authority has taken back: each login looks its own up among them. */
const REVOKED = 10_000

export type TlsBench = {
  readonly plain: System
  readonly tls: System
  readonly process: () => GatewayProcess
  readonly restart: () => Promise<void>
  readonly stop: () => Promise<void>
}

export async function openTlsBench(
  folder: string,
  devices: number,
  limits: RaisedLimits,
  { profile }: { readonly profile: string | undefined },
): Promise<TlsBench> {
  const place = await makeGateway(folder, limits, profile)
  const signer = await makeFiles(folder)
  const tlsPort = await freePort()
  const settings = JSON.parse(await readFile(place.config, 'utf8'))
  const plainPort = settings.listeners[0].port
  settings.listeners.push({
    kind: 'tls',
    host: '127.0.0.1',
    port: tlsPort,
    certificate: join(folder, 'server.pem'),
    key: join(folder, 'server.key'),
    clientAuthority: join(folder, 'authority.pem'),
    revocationList: join(folder, 'revoked.pem'),
  })
  await writeFile(place.config, JSON.stringify(settings))
  let running = await startGateway(place)
  const enrolled = await enrol(running.lanes, devices, 1)
  const system = (port: number, tls: TlsPlan | undefined): System => ({
    name: tls ? 'tls' : 'gateway',
    port,
    processes: [{ name: 'gateway', pid: running.child.pid }],
    devices: enrolled.devices,
    gateway: enrolled.plan,
    tls,
    ...atPuback,
    stop: () => running.child.stop('SIGKILL'),
  })
  const tls = await certify(signer, enrolled.devices)
  return {
    plain: system(plainPort, undefined),
    tls: system(tlsPort, tls),
    process: () => running,
    restart: async () => {
      await running.child.stop('SIGKILL')
      running = await startGateway(place)
    },
    stop: () => running.child.stop(profile === undefined ? 'SIGKILL' : 'SIGTERM'),
  }
}

function life() {
  const nowSeconds = Math.floor(Date.now() / 1_000)
  return { notBeforeSeconds: nowSeconds - 60, notAfterSeconds: nowSeconds + YEAR_SECONDS }
}

async function makeFiles(folder: string): Promise<Signer> {
  const { privateKey: key } = benchKey('the authority')
  const { notBeforeSeconds, notAfterSeconds } = life()
  const { pem } = await makeAuthority(key, 'bench authority', notBeforeSeconds, notAfterSeconds)
  const signer = { certificatePem: pem, key }
  const server = benchKey('the server')
  const use = { kind: 'server', hosts: ['127.0.0.1'] } as const
  const terms = { commonName: 'bench-gateway', use, ...life() }
  const made = await makeCertificate(signer, keySpki(server), terms)
  const atSeconds = notBeforeSeconds
  const revoked = Array.from({ length: REVOKED }, (_, number) => {
    return { serial: (number + 1).toString(16).padStart(31, '0').padStart(32, '1'), atSeconds }
  })
  const list = await makeRevocationList(signer, revoked, atSeconds, notAfterSeconds)
  const files = {
    'authority.pem': pem,
    'server.pem': made.pem,
    'server.key': keyPem(server),
    'revoked.pem': list,
  }
  for (const [name, text] of Object.entries(files)) {
    await writeFile(join(folder, name), text, { mode: 0o600 })
  }
  return signer
}

async function certify(signer: Signer, devices: readonly DevicePlan[]): Promise<TlsPlan> {
  const certificates: string[] = []
  await forAll([...devices.entries()], SIGNED_AT_ONCE, async ([place, { fleet, device }]) => {
    const commonName = clientIdOf(fleet, device)
    const terms = { commonName, use: { kind: 'client' } as const, ...life() }
    certificates[place] = (await makeCertificate(signer, keySpki(benchKey(commonName)), terms)).pem
  })
  return { authority: signer.certificatePem, certificates }
}
