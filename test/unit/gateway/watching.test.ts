/** Alert rules and the dashboard ask for nothing that the gateway does not tell. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import * as v from 'valibot'
import { expect, test } from 'vitest'
import { parse, stringify } from 'yaml'
import { metrics } from '../../../gateway/http/metrics.ts'
import { hasPromtool, promtool } from '../../support/promtool.ts'
import { projectRoot } from '../../support/tidyFiles.ts'

const at = (path: string) => join(projectRoot, 'deploy', path)
const read = (path: string) => readFileSync(at(path), 'utf8')

const rulesSchema = v.object({
  groups: v.array(
    v.object({
      rules: v.array(
        v.object({
          alert: v.string(),
          expr: v.string(),
          annotations: v.object({ summary: v.string(), action: v.string() }),
        }),
      ),
    }),
  ),
})
const rules = v
  .parse(rulesSchema, parse(read('prometheus/alerts.yml')))
  .groups.flatMap((group) => group.rules)

const dashboardSchema = v.object({
  templating: v.object({
    list: v.array(v.object({ name: v.string(), definition: v.optional(v.string()) })),
  }),
  panels: v.array(
    v.object({
      id: v.number(),
      title: v.string(),
      gridPos: v.object({ x: v.number(), y: v.number(), w: v.number(), h: v.number() }),
      targets: v.optional(v.array(v.object({ expr: v.string(), legendFormat: v.string() }))),
    }),
  ),
})
const dashboard = v.parse(dashboardSchema, JSON.parse(read('grafana/gateway.json')))
const queries = [
  ...rules.map(({ expr }) => expr),
  ...dashboard.panels.flatMap(({ targets = [] }) => targets.map(({ expr }) => expr)),
  ...dashboard.templating.list.flatMap(({ definition }) => definition ?? []),
]

const known = new Map(
  metrics.flatMap(({ name, kind, labels }) => {
    const names = kind === 'histogram' ? ['_bucket', '_sum', '_count'] : ['']
    const all = kind === 'histogram' ? [...labels, 'le'] : labels
    return names.map((suffix) => [`${name}${suffix}`, [...all, 'instance', 'job']] as const)
  }),
)

/** Metrics that a query names, and labels that it selects them by. */
function unknownIn(query: string): readonly string[] {
  const found = [...query.matchAll(/\b((?:tickpay|process)_\w+)(?:\{([^}]*)\})?/g)]
  return found.flatMap(([, name = '', selector = '']) => {
    const labels = known.get(name)
    if (!labels) return [`${name} in ${query}`]
    const used = [...selector.matchAll(/(\w+)\s*(?:=~|!~|!=|=)/g)].map(([, label = '']) => label)
    return used.filter((label) => !labels.includes(label)).map((label) => `${label} of ${name}`)
  })
}

test('a query that asks for what there is not is found', () => {
  expect(unknownIn('rate(tickpay_no_such_total[5m])')).toHaveLength(1)
  expect(unknownIn('tickpay_sessions{fleet="a"}')).toEqual(['fleet of tickpay_sessions'])
  expect(unknownIn('tickpay_commit_seconds')).toHaveLength(1)
})

test('every query of alerts and dashboard names metrics and labels that exist', () => {
  expect(queries.length).toBeGreaterThan(30)
  expect(queries.flatMap(unknownIn)).toEqual([])
})

test('every alert is explained on the page, and says what to do', () => {
  const page = readFileSync(join(projectRoot, 'docs', 'metrics.md'), 'utf8')
  expect(new Set(rules.map(({ alert }) => alert)).size).toBe(rules.length)
  for (const { alert } of rules) expect(page).toContain(`| \`${alert}\` |`)
})

test('no two panels of the dashboard overlap, and each has its own number', () => {
  const taken = new Set<string>()
  for (const { gridPos } of dashboard.panels) {
    for (let x = gridPos.x; x < gridPos.x + gridPos.w; x++) {
      for (let y = gridPos.y; y < gridPos.y + gridPos.h; y++) {
        expect(x < 24 && !taken.has(`${x} ${y}`)).toBe(true)
        taken.add(`${x} ${y}`)
      }
    }
  }
  expect(new Set(dashboard.panels.map(({ id }) => id)).size).toBe(dashboard.panels.length)
})

test.skipIf(!hasPromtool)('the alert rules are sound and fire when they must', () => {
  expect(promtool(['check', 'rules', at('prometheus/alerts.yml')])).toBe('')
  expect(promtool(['test', 'rules', at('prometheus/alerts.test.yml')])).toBe('')
  expect(promtool(['check', 'config', at('prometheus/prometheus.yml')])).toBe('')
})

test.skipIf(!hasPromtool)('every query of the dashboard can be parsed', () => {
  const folder = mkdtempSync(join(tmpdir(), 'tickpay-queries-'))
  const asked = dashboard.panels.flatMap(({ targets = [] }) => targets.map(({ expr }) => expr))
  const rules = asked.map((query, place) => ({
    record: `query:${place}`,
    expr: query.replaceAll('$__rate_interval', '5m').replaceAll('$instance', '.*'),
  }))
  const file = join(folder, 'queries.yml')
  writeFileSync(file, stringify({ groups: [{ name: 'dashboard', rules }] }))
  expect(promtool(['check', 'rules', file])).toBe('')
  rmSync(folder, { recursive: true })
})
