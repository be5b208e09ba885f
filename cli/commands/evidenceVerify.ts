/**
 * `tickpay evidence verify`
 * @module
 */
import { fastSha256, fastVerify } from '../../ledger/io/fastVerify.ts'
import { findings, judgeEvidence, type Verdict } from '../../ledger/rules/evidenceRules.ts'
import type { SignatureState, SignedStatement } from '../../ledger/rules/evidenceStatements.ts'
import { formatPublicKey, parseKeyText } from '../../ports/keyText.ts'
import { bytesToHex } from '../../protocol/bytes.ts'
import { argument, defineCommand, jsonOption, text } from '../command.ts'
import { exitCodes, UsageError } from '../exitCodes.ts'
import { readEvidence } from '../io/evidenceFiles.ts'
import { jsonText } from '../jsonLine.ts'
import type { Terminal } from '../terminal.ts'

export const command = defineCommand({
  summary: 'Decides a dispute about one channel from files alone',
  details: [
    'Checks every signature and path in one bundle, or in those of both sides together, and says',
    'what is proved, by whom, and what contradicts what. It needs no network or database; the same',
    'files give the same verdict for everybody. The keys of gateway and fleet in a file are only',
    'claimed there: name the ones that you know. Exit code 1 when something contradicts or is not',
    'sound; what is merely missing is said.',
  ],
  arguments: { file: argument('bundle of one side') },
  options: {
    other: text('FILE', 'bundle of the other side'),
    'gateway-key': text('KEY', 'key of the gateway, as you know it'),
    'signer-key': text('KEY', 'key of the signer of the fleet, as you know it'),
    ...jsonOption,
  },
  examples: [
    'tickpay evidence verify meter-1.evidence.json',
    'tickpay evidence verify gateway.json --other device.json',
  ],
  run: async (values, terminal) => {
    const paths = values.other === undefined ? [values.file] : [values.file, values.other]
    const bundles = await Promise.all(paths.map(readEvidence))
    const pinned = {
      gatewayKey: keyOf('gateway-key', values['gateway-key']),
      signerKey: keyOf('signer-key', values['signer-key']),
    }
    const verdict = judgeEvidence(bundles, pinned, { verify: fastVerify, sha256: fastSha256 })
    const [first] = bundles
    const gatewayKey = first ? formatPublicKey(first.gatewayKey) : null
    if (values.json) terminal.out(jsonText(verdictJson(verdict, gatewayKey)))
    else show(verdict, gatewayKey, terminal)
    return isSound(verdict) ? exitCodes.ok : exitCodes.failed
  },
})

function keyOf(option: string, value: string | undefined) {
  if (value === undefined) return undefined
  const key = parseKeyText(value)
  if (key) return key
  throw new UsageError(`--${option} is no public key: see "tickpay keys show"`)
}

/** What is missing contradicts nothing. */
function isSound({ findings: found }: Verdict): boolean {
  return found.every(
    ({ finding }) => finding.startsWith('missing_') && finding !== 'missing_channel',
  )
}

function verdictJson(verdict: Verdict, gatewayKey: string | null) {
  const amount = (value: bigint | undefined) => value?.toString() ?? null
  return {
    sound: isSound(verdict),
    channelId: verdict.channelId ? bytesToHex(verdict.channelId) : null,
    gatewayKey,
    owed: amount(verdict.owed),
    covered: amount(verdict.covered),
    receipted: amount(verdict.receipted),
    stated: amount(verdict.stated),
    cosigned: amount(verdict.cosigned),
    statements: verdict.statements.map((one) => ({
      ...one,
      digest: bytesToHex(one.digest),
      amount: one.amount.toString(),
    })),
    findings: verdict.findings.map((one) => ({ ...one, answers: findings[one.finding] })),
  }
}

function show(verdict: Verdict, gatewayKey: string | null, { out }: Terminal): void {
  const { channelId } = verdict
  if (channelId) out(`channel ${bytesToHex(channelId)}; amounts in minor units since it was opened`)
  if (gatewayKey) out(`gateway key ${gatewayKey}`)
  out(said('the device has signed that it owes', verdict.owed))
  out(said('of that, the fleet has allowed', verdict.covered))
  out(said('the gateway has signed that it was shown', verdict.receipted))
  out(said('the gateway has stated', verdict.stated))
  out(said('gateway and fleet have both signed', verdict.cosigned))
  for (const { sequence, digest, amount, ...signatures } of verdict.statements) {
    out(`statement ${sequence}, digest ${bytesToHex(digest)}: ${amount}, ${signers(signatures)}`)
  }
  for (const { finding, detail } of verdict.findings) {
    const answers = findings[finding]
    const whose = answers === 'nobody' ? '' : `; the ${answers} has to answer for it`
    out(`${finding}: ${detail}${whose}`)
  }
  out(isSound(verdict) ? 'nothing contradicts' : 'not sound: see the lines above')
}

type Signatures = Pick<SignedStatement, 'gateway' | 'fleet'>

/** Who has signed, and what is to be said of the signature of who has not. */
function signers({ gateway, fleet }: Signatures): string {
  if (gateway === 'good' && fleet === 'good') return 'signed by both'
  const lacks = (who: string, state: SignatureState) =>
    `the signature of the ${who} ${state === 'bad' ? 'does not fit its key' : 'is missing'}`
  if (gateway === 'good') return `signed by the gateway alone: ${lacks('fleet', fleet)}`
  if (fleet === 'good') return `signed by the fleet alone: ${lacks('gateway', gateway)}`
  return `signed by nobody: ${lacks('gateway', gateway)}, ${lacks('fleet', fleet)}`
}

function said(what: string, amount: bigint | undefined): string {
  return amount === undefined ? `${what}: not proved here` : `${what}: ${amount}`
}
