/**
 * What `enrol device` prints: what was signed, and an agent.yaml to begin with.
 * @module
 */
import { formatAmount } from '../protocol/amount.ts'
import type { Enrolment, SignedMandate } from './enrolment.ts'
import { timeText } from './show.ts'

const usualUrl = 'mqtt://127.0.0.1:1883'

/** Lines for people; everything that is no YAML is a comment, so that all of it can be a file. */
export function enrolmentLines(
  fleet: string,
  enrolment: Enrolment,
  url: string = usualUrl,
): readonly string[] {
  const { answer, mandates } = enrolment
  const signed = mandates.map(mandateLine)
  const missing = '# no mandate yet: the service of the fleet signs it (tickpay fleet serve)'
  return [
    `# ${fleet}/${answer.device} is enrolled at ${answer.gateway.id}`,
    ...(signed.length > 0 ? signed : [missing]),
    ...agentYaml(fleet, enrolment, url),
  ]
}

function mandateLine(mandate: SignedMandate): string {
  const { meter, limit, limitPerDay, expiry, life, asset } = mandate
  const who =
    life === 'with_service'
      ? 'the service of the fleet renews it'
      : 'nothing renews it: sign again before, or run "tickpay fleet serve"'
  const amounts = `${formatAmount(limit, asset)}, ${formatAmount(limitPerDay, asset)} a day`
  return `# ${meter}: mandate for ${amounts}, until ${timeText(expiry)}; ${who}`
}

/** The parts of an agent.yaml that follow from the enrolment. */
function agentYaml(fleet: string, { answer }: Enrolment, url: string): readonly string[] {
  const { gateway, ledger, device } = answer
  return [
    `fleet: ${fleet}`,
    `device: ${device}`,
    'gateway:',
    `  id: ${gateway.id}`,
    `  url: ${url}`,
    `  key: ${gateway.key}`,
    'ledger:',
    `  chainId: ${ledger.chainId}`,
    `  contract: "${ledger.contract}"`,
  ]
}
