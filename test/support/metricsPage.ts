/**
 * What docs/metrics.md must say of the metrics that there are, and what a scrape says.
 */
import { type Metric, metrics } from '../../gateway/http/metrics.ts'

function row({ name, kind, labels, help }: Metric): string {
  const shown = labels.map((label) => `\`${label}\``).join(', ')
  return `| \`${name}\` | ${kind} | ${shown} | ${help} |`
}

/** The table, to be copied into the page. */
export function metricsTable(): string {
  return ['| metric | kind | labels | what |', '|---|---|---|---|', ...metrics.map(row)].join('\n')
}

export type Scraped = { readonly kind: string; readonly help: string; readonly values: Scrape }
/** Value by labels as they are written, `{a="b"}` or nothing. */
export type Scrape = ReadonlyMap<string, number>

/** Families of the text format, by name. */
export function parseScrape(text: string): ReadonlyMap<string, Scraped> {
  const families = new Map<string, { kind: string; help: string; values: Map<string, number> }>()
  let family = ''
  for (const line of text.split('\n')) {
    const [, word, name = '', rest = ''] = /^# (HELP|TYPE) (\w+) (.*)$/.exec(line) ?? []
    if (word === 'HELP') families.set(name, { kind: '', help: rest, values: new Map() })
    const known = families.get(word ? name : family)
    if (word === 'TYPE' && known) known.kind = rest
    if (word) family = name
    const sample = /^(\w+)(\{.*\})? (\S+)$/.exec(line)
    if (!sample) continue
    const suffix = sample[1]?.slice(family.length) ?? ''
    known?.values.set(`${suffix}${sample[2] ?? ''}`, Number(sample[3]))
  }
  return families
}
