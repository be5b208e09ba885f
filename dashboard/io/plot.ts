/**
 * Plots over time, in the colours of the page, as wide as their place.
 * @module
 */
import uPlot from 'uplot'
import { el } from './dom.ts'

export type Plot = {
  readonly element: HTMLElement
  readonly show: (times: readonly number[], values: readonly number[]) => void
  readonly close: () => void
}

const HEIGHT = 190
const DECIMALS_MAX = 8
const AXIS_WIDTH_MIN = 48
const AXIS_GAP = 14
/** Of the font below. */
const DIGIT_WIDTH = 7.4

/** A value for the axis, short, with so many decimals that neighbours differ. */
export type AxisFormat = (value: number, decimals: number) => string

/** `scale` is by what values are divided before they are shown. */
export function createPlot(title: string, scale: () => number, format: AxisFormat): Plot {
  const place = el('div', { class: 'plot-place' })
  const element = el('figure', { class: 'card plot' }, el('figcaption', {}, title), place)
  let drawn: uPlot | undefined
  let data: uPlot.AlignedData = [[], []]
  let shown = ''
  const draw = () => {
    drawn?.destroy()
    drawn = new uPlot(options(place, scale(), format), data, place)
  }
  const resizes = new ResizeObserver(() => {
    if (drawn) drawn.setSize({ width: place.clientWidth, height: HEIGHT })
  })
  resizes.observe(place)
  // Colours are read when it is drawn.
  const scheme = matchMedia('(prefers-color-scheme: dark)')
  scheme.addEventListener('change', draw)
  return {
    element,
    show: (times, values) => {
      if (!place.isConnected || place.clientWidth === 0) return
      const newest = `${times.length} ${times[0]} ${times.at(-1)} ${values.at(-1)}`
      if (newest === shown) return
      shown = newest
      data = [[...times], [...values]]
      if (drawn) drawn.setData(data)
      else draw()
    },
    close: () => {
      scheme.removeEventListener('change', draw)
      resizes.disconnect()
      drawn?.destroy()
    },
  }
}

function options(place: HTMLElement, scale: number, format: AxisFormat): uPlot.Options {
  const colour = (name: string) => getComputedStyle(place).getPropertyValue(name).trim()
  const axis = {
    stroke: colour('--quiet'),
    grid: { stroke: colour('--line'), width: 1 },
    ticks: { show: false },
    font: '12px system-ui, sans-serif',
  }
  return {
    width: place.clientWidth,
    height: HEIGHT,
    legend: { show: false },
    cursor: { show: false },
    padding: [8, 30, 0, 0],
    scales: { y: { range: (_plot, low, high) => rangeOf(low, high) } },
    series: [
      {},
      {
        stroke: colour('--accent'),
        fill: colour('--accent-soft'),
        width: 2,
        points: { show: false },
      },
    ],
    axes: [
      { ...axis, values: (_plot, splits) => splits.map(timeOf), space: 70, size: 28 },
      {
        ...axis,
        size: (_plot, labels) => axisWidth(labels),
        values: (_plot, splits, _axis, _space, step) =>
          splits.map((value) => format(value / scale, decimalsOf(step / scale))),
      },
    ],
  }
}

/** As many as it takes to write a multiple of `step`. */
function decimalsOf(step: number): number {
  return Math.min(DECIMALS_MAX, Math.max(0, Math.ceil(-Math.log10(step) - 1e-9)))
}

/** Labels are right-aligned and would be cut off on their left. */
function axisWidth(labels: readonly string[] | null): number {
  const longest = Math.max(0, ...(labels ?? []).map(({ length }) => length))
  return Math.max(AXIS_WIDTH_MIN, longest * DIGIT_WIDTH + AXIS_GAP)
}

/** From zero where that is near, and never without height. */
function rangeOf(low: number, high: number): [number, number] {
  if (low === high) return [Math.max(0, low - 1), high + 1]
  const from = low < high / 2 ? 0 : low
  return [from, high + (high - from) * 0.08]
}

function timeOf(seconds: number): string {
  return new Date(seconds * 1_000).toLocaleTimeString('en-GB')
}
