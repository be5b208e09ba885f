/**
 * The table of rules in docs/fraud.md, from the rules themselves.
 */
import type { Rule } from '../../gateway/fraud/rule.ts'

/** One row a rule: what it is about, its thresholds with their units, the most it may lead to. */
export function rulesTable(rules: Readonly<Record<string, Rule>>): string {
  const rows = Object.entries(rules).map(([name, { about, strongest, thresholds }]) => {
    const texts = Object.entries(thresholds).map(
      ([threshold, { value, unit, about: why }]) => `\`${threshold}\` ${value} ${unit}: ${why}`,
    )
    return `| \`${name}\` | ${about} | ${texts.join('; ')} | \`${strongest}\` |`
  })
  return ['| rule | finds | thresholds | strongest action |', '|---|---|---|---|', ...rows].join(
    '\n',
  )
}
