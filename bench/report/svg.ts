/**
 * Charts as SVG: bars for what is compared, lines for what grows. One axis, direct labels, and ink
 * that follows the reader's light or dark ground.
 * @module
 */

export type Bar = {
  readonly label: string
  readonly value: number
  readonly low: number
  readonly high: number
  /** What the project itself is; the others are there to compare with. */
  readonly isOwn: boolean
}

export type BarGroup = { readonly title: string; readonly bars: readonly Bar[] }

export type Line = {
  readonly label: string
  readonly points: readonly { readonly x: number; readonly y: number }[]
}

export type BarsChart = {
  readonly kind: 'bars'
  readonly name: string
  readonly unit: string
  /** Each group has a scale of its own, from zero. */
  readonly groups: readonly BarGroup[]
}

export type LinesChart = {
  readonly kind: 'lines'
  readonly name: string
  readonly unit: string
  readonly xUnit: string
  readonly lines: readonly Line[]
  /** Where the target lies. */
  readonly bound?: number
}

export type Chart = BarsChart | LinesChart

const WIDTH = 760
const PADDING = 12
/** Width of a letter, about; a label is never measured. */
const LETTER = 6.8
const VALUE_WIDTH = 120
const BAR_HEIGHT = 16
const BAR_STEP = 24
const GROUP_GAP = 14
const TITLE_HEIGHT = 26
const style = `<style>
    text { font: 12px system-ui, 'Segoe UI', 'DejaVu Sans', sans-serif; fill: #48525c }
    .strong { font-weight: 600; fill: #1f262d }
    .faint { fill: #6b7580 }
    .own { fill: #13795b; stroke: #13795b }
    .other { fill: #9aa5b1; stroke: #9aa5b1 }
    .second { fill: #b4690e; stroke: #b4690e }
    .axis, .grid { fill: none; stroke: #6b7580 }
    .grid { stroke-opacity: 0.25 }
    .bound { fill: none; stroke: #b42318; stroke-dasharray: 5 4 }
    .span { fill: none; stroke: #1f262d; stroke-width: 1.5; stroke-opacity: 0.75 }
    .curve { fill: none; stroke-width: 2 }
    @media (prefers-color-scheme: dark) {
      text { fill: #b8c2cc }
      .strong { fill: #e6ebf0 }
      .faint { fill: #8f9aa5 }
      .own { fill: #35b58a; stroke: #35b58a }
      .other { fill: #66717d; stroke: #66717d }
      .second { fill: #e0a04a; stroke: #e0a04a }
      .bound { stroke: #f97066 }
      .span { stroke: #e6ebf0 }
    }
  </style>`

export function chartSvg(chart: Chart): string {
  const drawn = chart.kind === 'bars' ? barsSvg(chart.groups, chart.unit) : linesSvg(chart)
  // For those who have it read to them.
  return drawn.replace('\n', `\n  <title>${chart.name}, ${chart.unit}</title>\n`)
}

function barsSvg(groups: readonly BarGroup[], unit: string): string {
  const lengths = groups.flatMap(({ bars }) => bars.map(({ label }) => label.length))
  const left = Math.round(PADDING + 8 + LETTER * Math.max(...lengths, 1))
  let y = PADDING
  const parts: string[] = []
  for (const { title, bars } of groups) {
    const highest = Math.max(...bars.map(({ high }) => high), 1e-9)
    const scale = (WIDTH - left - VALUE_WIDTH - PADDING) / highest
    parts.push(text(PADDING, y + 12, title, { class: 'strong' }))
    y += TITLE_HEIGHT
    for (const bar of bars) {
      parts.push(...barParts(bar, y, { left, scale }, unit))
      y += BAR_STEP
    }
    y += GROUP_GAP
  }
  return svg(y, parts)
}

/** The median as a bar, the lowest and the highest round as a span with ends. */
function barParts(
  bar: Bar,
  y: number,
  { left, scale }: { readonly left: number; readonly scale: number },
  unit: string,
): readonly string[] {
  const width = Math.max(1, bar.value * scale)
  const middle = y + BAR_HEIGHT / 2
  const [low, high] = [left + bar.low * scale, left + bar.high * scale]
  const ends = [low, high].map((x) => `M${round(x)} ${middle - 4}V${middle + 4}`).join('')
  return [
    text(left - 8, middle + 4, bar.label, { anchor: 'end' }),
    `<rect x="${left}" y="${y}" width="${round(width)}" height="${BAR_HEIGHT}" rx="2" ` +
      `stroke="none" class="${bar.isOwn ? 'own' : 'other'}"/>`,
    `<path d="M${round(low)} ${middle}H${round(high)}${ends}" class="span"/>`,
    text(Math.max(high, left + width) + 8, middle + 4, `${compact(bar.value)} ${unit}`, {
      class: bar.isOwn ? 'strong' : 'faint',
    }),
  ]
}

const HEIGHT = 260
const [LEFT, RIGHT, TOP, BOTTOM] = [64, 150, 34, 44]
/** The first point stands clear of the axis and its figures. */
const INSET = 28
/** Figures closer than this would lie on each other. */
const FIGURE_HEIGHT = 15
const GRID_LINES = 4

type Scales = {
  readonly xs: readonly number[]
  readonly yHigh: number
  readonly xAt: (x: number) => number
  readonly yAt: (y: number) => number
}

/** The horizontal axis is logarithmic: what is drawn grows in powers. */
function scalesOf({ lines, bound = 0 }: LinesChart): Scales {
  const points = lines.flatMap((line) => line.points)
  const xs = [...new Set(points.map(({ x }) => x))].toSorted((a, b) => a - b)
  const [xLow, xHigh] = [Math.log10(xs[0] ?? 1), Math.log10(xs.at(-1) ?? 1)]
  const yHigh = niceAbove(Math.max(...points.map(({ y }) => y), bound, 1e-9))
  const width = WIDTH - LEFT - RIGHT - INSET
  return {
    xs,
    yHigh,
    xAt: (x) => LEFT + INSET + ((Math.log10(x) - xLow) / Math.max(1e-9, xHigh - xLow)) * width,
    yAt: (y) => HEIGHT - BOTTOM - (y / yHigh) * (HEIGHT - TOP - BOTTOM),
  }
}

function linesSvg(chart: LinesChart): string {
  const scales = scalesOf(chart)
  const { xs, xAt, yAt } = scales
  const parts = [...gridParts(scales), text(PADDING, 18, chart.unit, { class: 'strong' })]
  for (const x of xs) {
    parts.push(text(xAt(x), HEIGHT - BOTTOM + 16, compact(x), { anchor: 'middle' }))
  }
  parts.push(text(WIDTH - RIGHT, HEIGHT - 8, chart.xUnit, { anchor: 'end', class: 'faint' }))
  if (chart.bound !== undefined) {
    const y = round(yAt(chart.bound))
    parts.push(`<path d="M${LEFT} ${y}H${WIDTH - RIGHT}" class="bound"/>`)
    parts.push(
      text(WIDTH - RIGHT + 10, y + 4, `target ${compact(chart.bound)}`, { class: 'faint' }),
    )
  }
  for (const [place, line] of chart.lines.entries()) {
    const above = chart.lines.slice(0, place).flatMap(({ points }) => points)
    parts.push(...lineParts(line, place === 0 ? 'own' : 'second', above, scales))
  }
  return svg(HEIGHT, parts)
}

function gridParts({ yHigh, yAt }: Scales): readonly string[] {
  return Array.from({ length: GRID_LINES + 1 }, (_, place) => {
    const value = (yHigh * place) / GRID_LINES
    const y = round(yAt(value))
    const line = `<path d="M${LEFT} ${y}H${WIDTH - RIGHT}" class="${place ? 'grid' : 'axis'}"/>`
    return `${line}${text(LEFT - 8, y + 4, compact(value), { anchor: 'end', class: 'faint' })}`
  })
}

/** A figure that would lie on one of `drawn` is left to the table. */
function lineParts(
  line: Line,
  colour: string,
  drawn: Line['points'],
  { xAt, yAt }: Scales,
): readonly string[] {
  const isClear = (x: number, y: number) =>
    drawn.every((one) => one.x !== x || Math.abs(yAt(one.y) - yAt(y)) >= FIGURE_HEIGHT)
  const path = line.points.map(({ x, y }) => `${round(xAt(x))} ${round(yAt(y))}`).join('L')
  const last = line.points.at(-1)
  const dots = line.points.map(
    ({ x, y }) =>
      `<circle cx="${round(xAt(x))}" cy="${round(yAt(y))}" r="3.5" class="${colour}"/>` +
      text(xAt(x), yAt(y) - 9, isClear(x, y) ? compact(y) : '', { anchor: 'middle' }),
  )
  return [
    // As an attribute: the fill of the class is for dots.
    `<path d="M${path}" class="curve ${colour}" style="fill: none"/>`,
    ...dots,
    ...(last ? [text(xAt(last.x) + 10, yAt(last.y) + 4, line.label, { class: 'strong' })] : []),
  ]
}

/** The next 1, 2, 4, 6 or 8 times a power of ten, so that a quarter of it reads well. */
function niceAbove(value: number): number {
  const power = 10 ** Math.floor(Math.log10(value))
  const step = [1, 2, 4, 6, 8, 10].find((one) => one * power >= value * 0.999) ?? 10
  return step * power
}

function svg(height: number, parts: readonly string[]): string {
  const size = `viewBox="0 0 ${WIDTH} ${height}" width="${WIDTH}" height="${height}"`
  const open = `<svg xmlns="http://www.w3.org/2000/svg" ${size}>`
  return `${[open, `  ${style}`, ...parts.map((part) => `  ${part}`), '</svg>'].join('\n')}\n`
}

type TextStyle = {
  readonly anchor?: 'end' | 'middle'
  readonly class?: 'strong' | 'faint'
}

function text(x: number, y: number, content: string, look: TextStyle): string {
  if (content === '') return ''
  const place = look.anchor ? ` text-anchor="${look.anchor}"` : ''
  const kind = look.class ? ` class="${look.class}"` : ''
  return `<text x="${round(x)}" y="${round(y)}"${place}${kind}>${escaped(content)}</text>`
}

function escaped(content: string): string {
  return content.replaceAll('`', '').replaceAll('&', '&amp;').replaceAll('<', '&lt;')
}

function round(value: number): number {
  return Math.round(value * 10) / 10
}

/** 12,345 as 12.3K: a chart is for proportions, the table beside it for digits. */
function compact(value: number): string {
  return new Intl.NumberFormat('en-US', {
    notation: Math.abs(value) < 10_000 ? 'standard' : 'compact',
    maximumSignificantDigits: 3,
  }).format(value)
}
