/**
 * What follows from the table of verbs: docs/topics.md, JSON schemas, commands, the control socket.
 */
import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { commandTable } from '../../cli/commandTable.ts'
import { verbJsonSchema } from '../../gateway/verbs/jsonSchema.ts'
import { argumentTexts, controlName, fleetVerbs } from '../../gateway/verbs/table.ts'
import { OperatorError } from '../../ports/operatorError.ts'
import { openScene } from '../support/gatewayScene.ts'
import { reasonsText, topicsPage } from '../support/topicsPage.ts'

test('docs/topics.md is what the table says (update it with: npx vitest run FILE -u)', async () => {
  const page = readFileSync(new URL('../../docs/topics.md', import.meta.url), 'utf8')
  expect(page).toContain(reasonsText())
  await expect(topicsPage(page)).toMatchFileSnapshot('../../docs/topics.md')
})

test('every verb has a JSON schema, and a text for each argument that people give', () => {
  for (const [name, verb] of Object.entries(fleetVerbs)) {
    const schema = verbJsonSchema(name, verb)
    expect(Object.keys(schema['properties'] as object)).toEqual(Object.keys(verb.entries))
    if (verb.right === 'own_signature') continue
    for (const key of Object.keys(verb.entries)) expect(argumentTexts, key).toHaveProperty(key)
  }
})

test('a JSON schema says what is needed, what may be null and what is a number', () => {
  expect(verbJsonSchema('price-ceiling', fleetVerbs['price-ceiling'])).toMatchObject({
    required: ['unit', 'price'],
    additionalProperties: false,
    properties: {
      unit: { enum: ['Wh', 'mL', 's', 'kB'] },
      price: { anyOf: [{ pattern: expect.any(String) }, { type: 'null' }] },
      all: { const: true },
      dry_run: { type: 'boolean' },
    },
  })
})

test('every verb is on the control socket; every one for people is a command', async () => {
  const scene = await openScene()
  for (const [name, { right }] of Object.entries(fleetVerbs)) {
    const answer = scene.call(controlName(name), { fleet: 'acme', surplus: 1 })
    const error: unknown = await answer.catch((reason: unknown) => reason)
    expect(error, name).toBeInstanceOf(OperatorError)
    expect(String(error), name).not.toContain('unknown verb')
    const isForPeople = right !== 'own_signature' && !name.startsWith('statement')
    if (isForPeople) expect(Object.keys(commandTable)).toContain(`fleet ${name}`)
  }
})
