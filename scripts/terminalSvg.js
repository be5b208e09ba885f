/**
 * Pictures of a terminal as one animated SVG: no script, no font of its own, a background of its
 * own, so that it is legible on any page. Who wants no motion sees the last picture.
 * @module
 */

const CELL_WIDTH = 8.4
const CELL_HEIGHT = 19
const PADDING = 14
const BAR = 26

/** @param frames pictures, each `{ lines, forMs }`; a line is a list of `{ text, style }` */
export function animatedSvg(frames, { columns, rows, title }) {
  const width = Math.ceil(columns * CELL_WIDTH + 2 * PADDING)
  const inner = rows * CELL_HEIGHT
  const height = inner + 2 * PADDING + BAR
  const strip = frames.map(({ lines }, place) => picture(lines, place * inner))
  const label = `role="img" aria-label="${escaped(title)} in a terminal"`
  const size = `viewBox="0 0 ${width} ${height}" width="${width}"`
  const place = `x="${PADDING}" y="${PADDING + BAR}" width="${width - 2 * PADDING}"`
  const heading = `x="${width / 2}" y="${BAR / 2 + 9}" text-anchor="middle"`
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" ${size} ${label}>`,
    `<style>${stylesOf(frames, inner)}</style>`,
    `<rect class="page" width="${width}" height="${height}" rx="8"/>`,
    `<text class="dim" ${heading}>${escaped(title)}</text>`,
    `<svg ${place} height="${inner}" overflow="hidden" aria-hidden="true">`,
    `<g class="strip">${strip.join('\n')}</g>`,
    '</svg>',
    '</svg>',
    '',
  ].join('\n')
}

function picture(lines, top) {
  return lines
    .map((line, row) => lineText(line, Math.round(top + (row + 0.75) * CELL_HEIGHT)))
    .filter((text) => text !== '')
    .join('')
}

/** Each run has the width of its cells, whatever font there is. */
function lineText(line, y) {
  let column = 0
  return line
    .map(({ text, style }) => {
      const indent = text.length - text.trimStart().length
      const x = ((column + indent) * CELL_WIDTH).toFixed(1)
      column += text.length
      const words = text.trim()
      if (words === '') return ''
      const length = (words.length * CELL_WIDTH).toFixed(1)
      const look = style === '' ? '' : ` class="${style}"`
      return `<text x="${x}" y="${y}" textLength="${length}"${look}>${escaped(words)}</text>`
    })
    .join('')
}

function stylesOf(frames, inner) {
  const totalMs = frames.reduce((sum, { forMs }) => sum + forMs, 0)
  let atMs = 0
  const steps = frames.map(({ forMs }, place) => {
    const share = ((atMs / totalMs) * 100).toFixed(2)
    atMs += forMs
    return `${share}%{transform:translateY(${-place * inner}px)}`
  })
  const last = `translateY(${-(frames.length - 1) * inner}px)`
  return [
    'text{font:14px ui-monospace,SFMono-Regular,Menlo,Consolas,"DejaVu Sans Mono",monospace}',
    'text{white-space:pre;fill:#d7dde5}',
    '.page{fill:#14181f;stroke:#39424f}.bold{font-weight:700;fill:#fff}.dim{fill:#93a0b0}',
    '.red{fill:#ff8f85}.green{fill:#7fd88f}.yellow{fill:#f0cf70}',
    `.strip{animation:play ${totalMs}ms step-end infinite}`,
    `@keyframes play{${steps.join('')}100%{transform:${last}}}`,
    `@media (prefers-reduced-motion:reduce){.strip{animation:none;transform:${last}}}`,
  ].join('')
}

function escaped(text) {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('"', '&quot;')
}
