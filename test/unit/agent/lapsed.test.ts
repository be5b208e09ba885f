/** A channel whose claim window has passed at the gateway, for instance by its clock alone. */
import { expect, test } from 'vitest'
import { feed, openedPair, read, settle } from './support/pair.ts'

test('words that have expired under a mandate in force are followed by a checkpoint', () => {
  const pair = openedPair()
  read(pair, 1_050n)
  settle(pair)
  const terms = pair.payer.running?.terms
  if (!terms) throw new Error('an epoch runs')
  const proof = { held: { terms, index: 5 }, pending: undefined }
  const refusal = { refused: 'tick', reason: 'expired' } as const
  feed(pair, { kind: 'reject', refusal, proof })
  expect(pair.payer.offer).toMatchObject({ purpose: 'checkpoint' })
})
