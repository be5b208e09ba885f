/**
 * Charts as SVG: bars for what is compared, lines for what grows. One axis, direct labels, colours
 * that hold on light and on dark ground.
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

export type Chart =
  | {
      readonly kind: 'bars'
      readonly name: string
      readonly unit: string
      readonly groups: readonly BarGroup[]
    }
  | {
      readonly kind: 'lines'
      readonly name: string
      readonly unit: string
      readonly xUnit: string
      readonly lines: readonly Line[]
    }

const WIDTH = 720
const LABEL_WIDTH = 230
const VALUE_WIDTH = 90
const BAR_HEIGHT = 18
const BAR_STEP = 26
const GROUP_GAP = 18
const TITLE_HEIGHT = 24
const FONT = 'font-family="system-ui, sans-serif" font-size="12"'
const OWN = '#1b7f5c'
const OTHER = '#7a8794'
const INK = '#6b7580'

export function chartSvg(chart: Chart): string {
  return chart.kind === 'bars' ? barsSvg(chart.groups, chart.unit) : linesSvg(chart)
}

function barsSvg(groups: readonly BarGroup[], unit: string): string {
  const highest = Math.max(...groups.flatMap(({ bars }) => bars.map(({ high }) => high)), 1e-9)
  const scale = (WIDTH - LABEL_WIDTH - VALUE_WIDTH) / highest
  let y = 4
  const parts: string[] = []
  for (const { title, bars } of groups) {
    parts.push(text(0, y + 14, title, { weight: 600 }))
    y += TITLE_HEIGHT
    for (const bar of bars) {
      parts.push(...barParts(bar, y, scale, unit))
      y += BAR_STEP
    }
    y += GROUP_GAP
  }
  return svg(y, parts)
}

function barParts(bar: Bar, y: number, scale: number, unit: string): readonly string[] {
  const width = Math.max(1, bar.value * scale)
  const middle = y + BAR_HEIGHT / 2
  const low = LABEL_WIDTH + bar.low * scale
  const high = LABEL_WIDTH + bar.high * scale
  return [
    text(LABEL_WIDTH - 8, middle + 4, bar.label, { anchor: 'end' }),
    `<rect x="${LABEL_WIDTH}" y="${y}" width="${round(width)}" height="${BAR_HEIGHT}" rx="2" ` +
      `fill="${bar.isOwn ? OWN : OTHER}"/>`,
    `<path d="M${round(low)} ${middle}H${round(high)}" stroke="${INK}" stroke-width="2"/>`,
    text(high + 8, middle + 4, `${compact(bar.value)} ${unit}`, {}),
  ]
}

function linesSvg(chart: Extract<Chart, { kind: 'lines' }>): string {
  const height = 260
  const [left, right, top, bottom] = [70, 120, 16, 40]
  const points = chart.lines.flatMap((line) => line.points)
  const xs = points.map(({ x }) => Math.log10(x))
  const [xLow, xHigh] = [Math.min(...xs), Math.max(...xs)]
  const yHigh = Math.max(...points.map(({ y }) => y), 1e-9)
  const xAt = (x: number) =>
    left + ((Math.log10(x) - xLow) / Math.max(1e-9, xHigh - xLow)) * (WIDTH - left - right)
  const yAt = (y: number) => height - bottom - (y / yHigh) * (height - top - bottom)
  const parts = [
    `<path d="M${left} ${top}V${height - bottom}H${WIDTH - right}" fill="none" stroke="${INK}"/>`,
    text(left - 8, yAt(yHigh) + 4, compact(yHigh), { anchor: 'end' }),
    text(left - 8, yAt(0) + 4, '0', { anchor: 'end' }),
    text(left, 12, chart.unit, {}),
    text(WIDTH - right, height - 6, chart.xUnit, { anchor: 'end' }),
  ]
  for (const x of new Set(points.map((point) => point.x))) {
    parts.push(text(xAt(x), height - bottom + 16, compact(x), { anchor: 'middle' }))
  }
  for (const [place, line] of chart.lines.entries()) {
    const colour = place === 0 ? OWN : OTHER
    const path = line.points.map(({ x, y }) => `${round(xAt(x))} ${round(yAt(y))}`).join('L')
    const last = line.points.at(-1)
    parts.push(`<path d="M${path}" fill="none" stroke="${colour}" stroke-width="2"/>`)
    for (const { x, y } of line.points) {
      parts.push(`<circle cx="${round(xAt(x))}" cy="${round(yAt(y))}" r="3" fill="${colour}"/>`)
    }
    if (last) parts.push(text(xAt(last.x) + 8, yAt(last.y) + 4, line.label, {}))
  }
  return svg(height, parts)
}

function svg(height: number, parts: readonly string[]): string {
  const size = `viewBox="0 0 ${WIDTH} ${height}" width="${WIDTH}" height="${height}"`
  const open = `<svg xmlns="http://www.w3.org/2000/svg" ${size} ${FONT}>`
  return `${[open, ...parts.map((part) => `  ${part}`), '</svg>'].join('\n')}\n`
}

type TextStyle = { readonly anchor?: 'end' | 'middle'; readonly weight?: number }

function text(x: number, y: number, content: string, { anchor, weight }: TextStyle): string {
  const place = anchor ? ` text-anchor="${anchor}"` : ''
  const style = `${place}${weight ? ` font-weight="${weight}"` : ''}`
  return `<text x="${round(x)}" y="${round(y)}" fill="${INK}"${style}>${escaped(content)}</text>`
}

function escaped(content: string): string {
  return content.replaceAll('`', '').replaceAll('&', '&amp;').replaceAll('<', '&lt;')
}

function round(value: number): number {
  return Math.round(value * 10) / 10
}

/** 1,234 as 1.2 k: a chart is for proportions, the table beside it for digits. */
function compact(value: number): string {
  return new Intl.NumberFormat('en-US', {
    notation: 'compact',
    maximumSignificantDigits: 3,
  }).format(value)
}
