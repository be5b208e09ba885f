/**
 * docs/topics.md as it should be: what people wrote, and then the verbs as their table has them.
 * @module
 */
import { argumentTexts, type FleetVerb, fleetVerbs } from '../../gateway/verbs/table.ts'
import { commandReasons } from '../../protocol/reasons.ts'

const heading = '\n## Verbs\n\n'

const needs: Readonly<Record<FleetVerb['right'], string>> = {
  read: 'right `read`',
  supply: 'right `supply`, or a Command',
  command: 'a Command',
  own_signature: 'nothing: its arguments are signed',
}

/** The page `text` with its verbs written anew. */
export function topicsPage(text: string): string {
  const [prose = ''] = text.split(heading)
  const verbs = Object.entries(fleetVerbs).map(([name, verb]) => verbText(name, verb))
  return `${prose}${heading}${verbs.join('\n')}`
}

/** The sentence in which the page lists why a request is refused. */
export function reasonsText(): string {
  return `${commandReasons.map((one) => `\`${one}\``).join(', ')}.`
}

function verbText(name: string, verb: FleetVerb): string {
  const rows = Object.entries(verb.entries).map(([key, schema]) => {
    const isNeeded = schema.type !== 'optional'
    return `| \`${key}\` | ${isNeeded ? 'needed' : ''} | ${argumentTexts[key]?.[1] ?? ''} |`
  })
  const table = rows.length === 0 ? [] : ['| argument | | |', '|---|---|---|', ...rows, '']
  const about = `${verb.about}. Needs ${needs[verb.right]}. Answers ${verb.answer}.`
  return [`### ${name}`, '', about, '', ...table].join('\n')
}
