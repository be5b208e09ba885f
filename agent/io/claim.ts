/**
 * An agent that is started with a claim: what the claim says stands in for what its configuration
 * leaves out, and what the operator decided is kept in the state folder.
 * @module
 */
import { randomBytes } from 'node:crypto'
import { existsSync } from 'node:fs'
import { readFile, writeFile } from 'node:fs/promises'
import * as v from 'valibot'
import { publicKeyValue } from '../../ports/configTypes.ts'
import { brokerConnector } from '../../ports/io/brokerLogin.ts'
import { nodeDisk } from '../../ports/io/disk.ts'
import { createKeyFile, readPassphrase } from '../../ports/io/keyFile.ts'
import { jsonLog } from '../../ports/io/log.ts'
import { nodePorts } from '../../ports/io/node.ts'
import { formatPublicKey } from '../../ports/keyText.ts'
import { OperatorError } from '../../ports/operatorError.ts'
import { bytesToHex, utf8ToBytes } from '../../protocol/bytes.ts'
import type { ClaimToken } from '../../protocol/enrolment.ts'
import { parseClaimToken } from '../../protocol/enrolment.ts'
import type { EnrolledAs } from '../claim.ts'
import { enrolByClaim } from '../claim.ts'
import type { AgentConfig } from '../config.ts'
import { AGENT_PREFIX } from '../config.ts'
import { openDeviceKey } from './deviceKey.ts'
import { readAgentConfig } from './runAgent.ts'

type Environment = Readonly<Record<string, string | undefined>>

const RECORD_FILE = 'enrolment.json'

const recordValue = v.object({
  serial: v.string(),
  key: v.string(),
  device: v.string(),
  fleetSigner: v.nullable(publicKeyValue),
})

/**
 * The configuration of a device with a claim, the text of it or a file with it. Asks to be enrolled
 * and waits for the answer, unless that was done before.
 * @throws OperatorError, one line
 */
export async function readClaimedConfig(
  path: string,
  environment: Environment,
  claim: string,
): Promise<AgentConfig> {
  const token = await readToken(claim)
  const provisional = await readAgentConfig(path, {
    ...namedBy(token, { device: token.serial, fleetSigner: undefined }),
    ...environment,
  })
  await makeKeyFile(provisional, environment)
  const as = await enrolledAs(provisional, environment, token)
  return readAgentConfig(path, { ...namedBy(token, as), ...environment })
}

/** What the claim and the operator say, as the environment of an agent. */
function namedBy(token: ClaimToken, { device, fleetSigner }: EnrolledAs): Environment {
  const { domain, fleet, gateway, gatewayKey } = token
  const fields = {
    FLEET: fleet,
    DEVICE: device,
    GATEWAY__ID: gateway,
    GATEWAY__KEY: formatPublicKey(gatewayKey),
    LEDGER__CHAIN_ID: `"${domain.chainId}"`,
    LEDGER__CONTRACT: bytesToHex(domain.verifyingContract),
    ...(fleetSigner ? { FLEET_SIGNER: formatPublicKey(fleetSigner) } : {}),
  }
  return Object.fromEntries(
    Object.entries(fields).map(([name, text]) => [`${AGENT_PREFIX}__${name}`, text]),
  )
}

async function enrolledAs(
  config: AgentConfig,
  environment: Environment,
  token: ClaimToken,
): Promise<EnrolledAs> {
  const disk = await nodeDisk(config.stateDirectory)
  const { ownKey, signer } = await openDeviceKey(config.key, environment)
  const key = formatPublicKey(signer.publicKey)
  const known = readRecord(await disk.read(RECORD_FILE))
  if (known?.serial === token.serial && known.key === key) {
    return { device: known.device, fleetSigner: known.fleetSigner ?? undefined }
  }
  const connector = await brokerConnector(config.gateway, environment, ownKey)
  const ports = nodePorts(jsonLog(config.logLevel))
  const as = await enrolByClaim(token, { ports, connector, signer })
  const { device, fleetSigner } = as
  const signerText = fleetSigner ? formatPublicKey(fleetSigner) : null
  const record = { serial: token.serial, key, device, fleetSigner: signerText }
  await disk.replace(RECORD_FILE, utf8ToBytes(`${JSON.stringify(record)}\n`))
  return as
}

function readRecord(bytes: Uint8Array | undefined) {
  try {
    const parsed = v.safeParse(
      recordValue,
      JSON.parse(bytes ? new TextDecoder().decode(bytes) : 'null'),
    )
    return parsed.success ? parsed.output : undefined
  } catch {
    return undefined
  }
}

/** A device that is new makes its own key, and its passphrase where a file is named for it. */
async function makeKeyFile({ key }: AgentConfig, environment: Environment): Promise<void> {
  const { file, passphraseFile } = key
  if (file === undefined || existsSync(file)) return
  if (passphraseFile !== undefined && !existsSync(passphraseFile)) {
    const text = `${randomBytes(32).toString('base64')}\n`
    await writeFile(passphraseFile, text, { flag: 'wx', mode: 0o600 }).catch(() => {
      throw new OperatorError(`cannot write ${passphraseFile}: make it, with a passphrase in it`)
    })
  }
  const { passphraseEnv: env, passphraseCredential: credential } = key
  const passphrase = await readPassphrase({ file: passphraseFile, env, credential }, environment)
  await createKeyFile(file, 'p256', passphrase)
}

async function readToken(claim: string): Promise<ClaimToken> {
  const given = parseClaimToken(claim)
  if (given) return given
  const text = existsSync(claim) ? await readFile(claim, 'utf8').catch(() => '') : ''
  const token = parseClaimToken(text)
  if (token) return token
  throw new OperatorError('that is no claim, nor a file with one: "tickpay enrol claim" makes it')
}
