/**
 * Metrics in the text format of Prometheus. Loaded when the first listener for HTTP opens.
 * @module
 */
import { Counter, Gauge, Histogram, Registry } from 'prom-client'
import type { CommitWatch } from '../../commitWatch.ts'
import type { Metric, Sample } from '../metrics.ts'
import { COMMIT_BUCKETS_SECONDS, COMMIT_SECONDS, metrics } from '../metrics.ts'
import type { Reading } from '../reading.ts'

export type MetricsText = {
  readonly contentType: string
  readonly render: (reading: Reading) => Promise<string>
}

/** The histogram of commits counts from now on. */
export function createMetricsText(commits: Pick<CommitWatch, 'follow'>): MetricsText {
  const registry = new Registry()
  const setters = metrics.flatMap((metric) => {
    if (metric.kind !== 'histogram') return [setterOf(registry, metric)]
    commits.follow(observerOf(registry, metric))
    return []
  })
  return {
    contentType: registry.contentType,
    render: (reading) => {
      for (const set of setters) set(reading)
      return registry.metrics()
    },
  }
}

function setterOf(registry: Registry, metric: Metric): (reading: Reading) => void {
  const { name, help, labels, read } = metric
  const options = { name, help, labelNames: [...labels], registers: [registry] }
  const set = metric.kind === 'counter' ? counterSetter(options) : gaugeSetter(options)
  return (reading) => set(read(reading))
}

type Options = ConstructorParameters<typeof Gauge<string>>[0]

/** A counter that is kept elsewhere: from 0 to where it is. */
function counterSetter(options: Options): (samples: readonly Sample[]) => void {
  const { collect: _, ...plain } = options
  const metric = new Counter(plain)
  return (samples) => {
    metric.reset()
    for (const { labels = {}, value } of samples) metric.inc(labels, value)
    if (samples.length === 0 && isPlain(options)) metric.remove()
  }
}

function gaugeSetter(options: Options): (samples: readonly Sample[]) => void {
  const metric = new Gauge(options)
  return (samples) => {
    metric.reset()
    for (const { labels = {}, value } of samples) metric.set(labels, value)
    if (samples.length === 0 && isPlain(options)) metric.remove()
  }
}

/** Where there are no labels there is a sample from the start, which has to go. */
const isPlain = ({ labelNames = [] }: Options) => labelNames.length === 0

function observerOf(registry: Registry, { name, help }: Metric): (seconds: number) => void {
  const buckets = name === COMMIT_SECONDS ? COMMIT_BUCKETS_SECONDS : []
  const histogram = new Histogram({ name, help, buckets, registers: [registry] })
  return (seconds) => histogram.observe(seconds)
}
