/**
 * The vector files, made from the program. Deterministic: the same program gives the same bytes.
 * @module
 */
import { cborVectors } from './vectors/cbor.ts'
import { chainVectors } from './vectors/chain.ts'
import { commitmentVectors } from './vectors/commitments.ts'
import { connectVectors } from './vectors/connect.ts'
import { keyVectors } from './vectors/keys.ts'
import { merkleVectors } from './vectors/merkle.ts'
import { messageVectors } from './vectors/messages.ts'
import { structureVectors } from './vectors/structures.ts'
import { tickVectors } from './vectors/ticks.ts'
import { topicVectors } from './vectors/topics.ts'

/** Content by file name. */
export const vectorFiles: Readonly<Record<string, () => string>> = {
  'cbor.json': cborVectors,
  'chain.json': chainVectors,
  'commitments.json': commitmentVectors,
  'connect.json': connectVectors,
  'keys.json': keyVectors,
  'merkle.json': merkleVectors,
  'messages.json': messageVectors,
  'structures.json': structureVectors,
  'ticks.json': tickVectors,
  'topics.json': topicVectors,
}
