/**
 * All targets.
 * @module
 */
import type { Target } from '../target.ts'
import { agentTarget } from './agent.ts'
import { archiveTarget } from './archive.ts'
import { cborTarget } from './cbor.ts'
import { configurationTarget } from './configuration.ts'
import { connectTarget } from './connect.ts'
import { intakeTarget } from './intake.ts'
import { journalTarget } from './journal.ts'
import { linkTarget } from './link.ts'
import { messagesTarget } from './messages.ts'
import { modbusTarget } from './modbus.ts'
import { mqttTarget } from './mqtt.ts'
import { papersTarget } from './papers.ts'
import { requestsTarget } from './requests.ts'
import { signaturesTarget } from './signatures.ts'
import { ticksTarget } from './ticks.ts'
import { topicsTarget } from './topics.ts'

export const targets: readonly Target[] = [
  cborTarget,
  ticksTarget,
  messagesTarget,
  papersTarget,
  topicsTarget,
  signaturesTarget,
  linkTarget,
  modbusTarget,
  mqttTarget,
  connectTarget,
  configurationTarget,
  journalTarget,
  archiveTarget,
  intakeTarget,
  requestsTarget,
  agentTarget,
]
