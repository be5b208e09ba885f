/**
 * Vectors of the chain.
 * @module
 */
import { bindOf, buildChain, lastWord, type Terms, termsHash } from '../../../protocol/chain.ts'
import { commitmentStructure, RENEWAL } from '../../../protocol/structures.ts'
import { counting, rootSecret, termsOf } from '../fixtures.ts'
import type { Json } from './json.ts'
import { fieldsToJson, formatFile, toJson } from './json.ts'

const termsType = {
  name: commitmentStructure.type.name,
  fields: commitmentStructure.type.fields.filter((field) => field.name !== 'root'),
}

function caseToJson(secret: Uint8Array, terms: Terms, indices: readonly number[]): Json {
  const chain = buildChain(secret, terms)
  return {
    rootSecret: toJson(secret),
    terms: fieldsToJson(termsType, terms),
    termsHash: toJson(termsHash(terms)),
    bind: toJson(bindOf(terms)),
    lastWord: toJson(lastWord(secret, terms)),
    root: toJson(chain.root),
    words: Object.fromEntries(indices.map((index) => [index, toJson(chain.wordAt(index))])),
  }
}

export function chainVectors(): string {
  return formatFile({
    about: ['Section 7. terms: the fields of a Commitment except root. words: by index.'],
    cases: [
      caseToJson(rootSecret, termsOf({ length: 1 }), [0, 1]),
      caseToJson(rootSecret, termsOf({ length: 10 }), [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10]),
      caseToJson(rootSecret, termsOf({ length: 10, epoch: 2 }), [0, 1, 10]),
      caseToJson(counting(1), termsOf({ length: 10 }), [0, 1, 10]),
      caseToJson(rootSecret, termsOf({ length: 300, kind: RENEWAL }), [0, 1, 255, 256, 257, 300]),
      caseToJson(rootSecret, termsOf({ length: 65_536 }), [0, 1, 255, 256, 32_768, 65_535, 65_536]),
    ],
  })
}
