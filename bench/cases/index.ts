/**
 * All cases, in the order in which they run.
 * @module
 */
import { agent } from './agent.ts'
import { attached } from './attached.ts'
import type { Case } from './case.ts'
import { chain } from './chain.ts'
import { connections } from './connections.ts'
import { floods } from './floods.ts'
import { fraud } from './fraud.ts'
import { hostile } from './hostile.ts'
import { ingest } from './ingest.ts'
import { latency } from './latency.ts'
import { scale } from './scale.ts'
import { settle } from './settle.ts'
import { tls } from './tls.ts'

export const cases: readonly Case[] = [
  chain,
  ingest,
  attached,
  latency,
  scale,
  connections,
  agent,
  settle,
  hostile,
  floods,
  tls,
  fraud,
]
