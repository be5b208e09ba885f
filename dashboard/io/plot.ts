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

/** `format` is for the axis: short. */
export function createPlot(title: string, format: (value: number) => string): Plot {
  const place = el('div', { class: 'plot-place' })
  const element = el('figure', { class: 'card plot' }, el('figcaption', {}, title), place)
  let drawn: uPlot | undefined
  let data: uPlot.AlignedData = [[], []]
  let shown = ''
  const draw = () => {
    drawn?.destroy()
    drawn = new uPlot(options(place, format), data, place)
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

function options(place: HTMLElement, format: (value: number) => string): uPlot.Options {
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
    padding: [8, 8, 0, 0],
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
      { ...axis, size: 64, values: (_plot, splits) => splits.map(format) },
    ],
  }
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
