/**
 * A gateway with two listeners, a plain one and one with TLS 1.3 and client certificates, an
 * authority, and a P-256 certificate for each device and the key that it signs with.
 * @module
 */
import { randomBytes } from 'node:crypto'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import {
  makeAuthority,
  makeCertificate,
  makeRevocationList,
  type Signer,
} from '../../cli/certificates/io/x509.ts'
import { readChildren, readDer, tags } from '../../gateway/broker/tls/der.ts'
import { present } from '../../protocol/assert.ts'
import { clientIdOf } from '../../protocol/connect.ts'
import { freePort } from '../children.ts'
import { benchKey, keyPem, keySpki, signDer } from '../load/keys.ts'
import type { DevicePlan, TlsPlan } from '../load/messages.ts'
import { atPuback } from './brokers.ts'
import { enrol } from './enrol.ts'
import { type GatewayProcess, makeGateway, type RaisedLimits, startGateway } from './gateway.ts'
import type { System } from './system.ts'

const YEAR_SECONDS = 31_536_000
const AUTHORITY = 'the authority'
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
  const { privateKey: key } = benchKey(AUTHORITY)
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

/**
 * Certificates of all devices. The first is made as `tickpay ca` does, which takes 16 ms; in the
 * others name, serial number and key are exchanged, which are as long for all of them.
 */
async function certify(signer: Signer, devices: readonly DevicePlan[]): Promise<TlsPlan> {
  const [first] = devices.map(nameOf)
  const commonName = present(first, 'a device')
  const spki = keySpki(benchKey(commonName))
  const terms = { commonName, use: { kind: 'client' } as const, ...life() }
  const { pem } = await makeCertificate(signer, spki, terms)
  const der = Buffer.from(pem.replaceAll(/-----[^-]*-----|\s/g, ''), 'base64')
  const [body, algorithm] = readChildren(present(readDer(der), 'a certificate')) ?? []
  const [, serial] = (body && readChildren(body)) ?? []
  const parts = present(body && algorithm && serial && { body, algorithm, serial }, 'its parts')
  const authority = benchKey(AUTHORITY)
  const certificates = devices.map(nameOf).map((name) => {
    const copy = Buffer.from(parts.body.whole)
    exchange(copy, parts.serial.content, newSerial(parts.serial.content.length))
    exchange(copy, Buffer.from(commonName), Buffer.from(name))
    exchange(copy, spki, keySpki(benchKey(name)))
    const signature = tagged(tags.bitString, Buffer.of(0), signDer(authority, copy))
    const whole = tagged(tags.sequence, copy, parts.algorithm.whole, signature)
    const text = whole.toString('base64').replaceAll(/.{1,64}/g, '$&\n')
    return `-----BEGIN CERTIFICATE-----\n${text}-----END CERTIFICATE-----\n`
  })
  return { authority: signer.certificatePem, certificates }
}

function nameOf({ fleet, device }: DevicePlan): string {
  return clientIdOf(fleet, device)
}

/** Positive, and in its shortest form. */
function newSerial(length: number): Buffer {
  const serial = randomBytes(length)
  serial[0] = 1
  return serial
}

function exchange(bytes: Buffer, old: Uint8Array, by: Uint8Array): void {
  const at = bytes.indexOf(old)
  if (at < 0 || old.length !== by.length) throw new Error('a certificate of another form')
  bytes.set(by, at)
}

/** A value in DER of less than 64 KiB. */
function tagged(tag: number, ...parts: readonly Uint8Array[]): Buffer {
  const content = Buffer.concat(parts)
  const { length } = content
  const head = length < 128 ? [tag, length] : [tag, 0x82, length >> 8, length & 0xff]
  return Buffer.concat([Buffer.from(head), content])
}
