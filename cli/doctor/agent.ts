/**
 * What keeps an agent from working, or will soon.
 * @module
 */
import { existsSync } from 'node:fs'
import { access, constants, readdir, realpath } from 'node:fs/promises'
import { readAgentConfig } from '../../agent/io/runAgent.ts'
import { parseSource } from '../../agent/meters/source.ts'
import { checkConfiguration } from '../check.ts'
import { type Finding, fail, looked, ok, warn } from './finding.ts'
import { lookAtAddress } from './gateway.ts'
import { answers, codeOf, lookAtClock, lookAtDisk, lookAtSecret } from './machine.ts'

const STABLE_NAMES = '/dev/serial/by-id'

export async function examineAgent(path: string): Promise<readonly Finding[]> {
  const config = await readAgentConfig(path, process.env)
  const { key, stateDirectory, meters, gateway } = config
  const files = 'file' in key ? [key.file, key.passphraseFile] : []
  const looks = [
    lookAtClock(),
    lookAtDisk(stateDirectory),
    ...files.map(lookAtSecret),
    looked('key', () => lookAtKeys(path)),
    ...meters.map(({ name, source }) => lookAtMeter(name, source)),
    lookAtAddress('gateway', gateway.url),
  ]
  return (await Promise.all(looks)).flat()
}

async function lookAtKeys(path: string): Promise<readonly Finding[]> {
  const { facts, warnings } = await checkConfiguration(path, 'agent')
  const others = warnings.map((warning) => warn('configuration', warning, ''))
  return [ok('key', `opens; ${facts['publicKey'] ?? ''}`), ...others]
}

/** The line of a meter: there, by a name that stays, and ours to use. */
export async function lookAtMeter(name: string, text: string): Promise<readonly Finding[]> {
  const check = `meter ${name}`
  const source = parseSource(text)
  if (source.kind === 'tcp') {
    const place = `${source.host}:${source.port}`
    if (await answers(source.host, source.port)) return [ok(check, `${place} takes connections`)]
    return [
      fail(check, `nobody answers at ${place}`, 'check the address and the gateway of the line'),
    ]
  }
  const { path } = source
  if (!existsSync(path)) {
    const advice = 'plug the adapter in, or see "tickpay detect" for its name'
    return [fail(check, `${path} is not there`, advice)]
  }
  try {
    await access(path, constants.R_OK | constants.W_OK)
  } catch (error) {
    const advice = 'add this user to the group that owns it, usually dialout'
    return [fail(check, `${path} may not be used (${codeOf(error)})`, advice)]
  }
  return [await nameOf(check, path)]
}

async function nameOf(check: string, path: string): Promise<Finding> {
  if (!/^\/dev\/tty(USB|ACM)/.test(path)) return ok(check, `${path} is there and may be used`)
  const names = await readdir(STABLE_NAMES).catch(() => [])
  for (const name of names) {
    const stable = `${STABLE_NAMES}/${name}`
    if ((await realpath(stable).catch(() => '')) !== path) continue
    return warn(check, `${path} may get another number when it is plugged in`, `name it ${stable}`)
  }
  const advice = `use the name in ${STABLE_NAMES}, where it has one`
  return warn(check, `${path} may get another number when it is plugged in`, advice)
}
