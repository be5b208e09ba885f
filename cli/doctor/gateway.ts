/**
 * What keeps a gateway from working, or will soon.
 * @module
 */
import type { GatewaySettings } from '../../gateway/config.ts'
import { readAnswer } from '../answers.ts'
import { checkConfiguration } from '../check.ts'
import { type Calls, connectControl } from '../io/controlClient.ts'
import { controlSocketOf, readGatewayConfig } from '../io/gatewayCalls.ts'
import { type Finding, fail, looked, ok, warn } from './finding.ts'
import { lookAtLedger, lookAtLedgerFiles, statusAnswer } from './ledger.ts'
import { answers, lookAtClock, lookAtDisk, lookAtPort, lookAtSecret } from './machine.ts'

export async function examineGateway(path: string): Promise<readonly Finding[]> {
  const settings = await readGatewayConfig(path)
  const running = await connectControl(controlSocketOf(settings))
  try {
    const looks = [
      lookAtClock(),
      lookAtDisk(settings.data),
      lookAtSecret(settings.key.file),
      lookAtSecret(settings.key.passphraseFile),
      lookAtSecret(settings.storeKey?.file),
      looked('key', () => lookAtKeys(path)),
      looked('certificates', () => lookAtCertificates(settings)),
      ...placesOf(settings).map(({ host, port }) => lookAtPort(host, port, running !== undefined)),
      looked('broker', () => lookAtBroker(settings, running)),
      looked('ledger', () => lookAtLedger(settings, running)),
      lookAtLedgerFiles(settings),
    ]
    return (await Promise.all(looks)).flat()
  } finally {
    await running?.close()
  }
}

function placesOf({ listeners, http }: GatewaySettings) {
  return [...listeners, ...(http ? [http] : [])]
}

async function lookAtKeys(path: string): Promise<readonly Finding[]> {
  const { facts, warnings } = await checkConfiguration(path, 'gateway')
  const others = warnings.map((warning) => warn('configuration', warning, ''))
  return [ok('key', `opens; ${facts['publicKey'] ?? ''}`), ...others]
}

/** One that has ended lets nobody in any more. */
const stateOf = (line: string) => (line.includes(' has expired') ? fail : warn)

async function lookAtCertificates({ listeners }: GatewaySettings): Promise<readonly Finding[]> {
  const { readTlsFiles } = await import('../../gateway/broker/io/tlsFiles.ts')
  const found: Finding[] = []
  for (const listener of listeners) {
    if (!('certificate' in listener)) continue
    const files = await readTlsFiles(listener, undefined)
    const warnings = files?.warningsAt(Date.now()) ?? []
    const renew = 'make the next one, for instance with "tickpay ca renew"'
    if (warnings.length === 0) found.push(ok('certificates', `${listener.certificate} is sound`))
    found.push(...warnings.map((line) => stateOf(line)('certificates', line, renew)))
  }
  return found
}

async function lookAtBroker(
  { broker }: GatewaySettings,
  running: Calls | undefined,
): Promise<readonly Finding[]> {
  if (!broker) return []
  if (running) {
    const { broker: seen } = readAnswer(statusAnswer, await running.call('status', {}))
    if (seen?.state === 'online') return [ok('broker', 'the running gateway is logged in')]
    const reason = seen?.reason ?? 'no reason is known'
    return [
      fail('broker', `the running gateway is not logged in: ${reason}`, 'see docs/attached.md'),
    ]
  }
  return lookAtAddress('broker', broker.url)
}

const usualPorts: Readonly<Record<string, number>> = { 'mqtt:': 1_883, 'mqtts:': 8_883 }

/** Something takes a connection at the address of a broker; who logs in there is not tried. */
export async function lookAtAddress(check: string, url: string): Promise<readonly Finding[]> {
  const { protocol, hostname, port } = new URL(url)
  const host = hostname.replace(/^\[|\]$/g, '')
  const number = Number(port || usualPorts[protocol])
  if (await answers(host, number)) return [ok(check, `${host}:${number} takes connections`)]
  const advice = 'start it, or check the address, the network and its firewall'
  return [fail(check, `nobody answers at ${host}:${number}`, advice)]
}
