/**
 * As much of a terminal as the program's own views need: text, line ends, the cursor moved up or
 * home, lines and the screen cleared, bold, dim and colours.
 * @module
 */

const TAB = 8
const styles = { 1: 'bold', 2: 'dim', 31: 'red', 32: 'green', 33: 'yellow' }

/** A screen whose `lines()` are lists of `{ text, style }`, from top to bottom. */
export function createScreen(columns, rows) {
  let cells = []
  let row = 0
  let column = 0
  let style = ''
  const lineAt = (place) => {
    while (cells.length <= place) cells.push([])
    return cells[place]
  }
  const newLine = () => {
    row += 1
    if (row < rows) return
    cells.shift()
    row = rows - 1
  }
  const put = (char) => {
    if (column >= columns) {
      column = 0
      newLine()
    }
    const line = lineAt(row)
    while (line.length < column) line.push({ char: ' ', style: '' })
    line[column] = { char, style }
    column += 1
  }
  const controls = {
    A: (count) => {
      row = Math.max(0, row - (count || 1))
    },
    H: () => {
      row = 0
      column = 0
    },
    J: (how) => {
      if (how === 2) cells = []
      else cells.length = Math.min(cells.length, row + 1)
    },
    K: (how) => {
      const line = lineAt(row)
      line.length = how === 2 ? 0 : Math.min(line.length, column)
    },
    m: (code) => {
      style = styles[code] ?? ''
    },
  }
  const plain = (char) => {
    if (char === '\r') column = 0
    else if (char === '\n') newLine()
    else if (char === '\t') column += TAB - (column % TAB)
    else if (char >= ' ') put(char)
  }
  return {
    write: (text) => {
      // biome-ignore lint/suspicious/noControlCharactersInRegex: that is what a terminal is sent
      for (const [whole, count, control] of text.matchAll(/\x1b\[\??(\d*)([A-Za-z])|[\s\S]/gu)) {
        if (control === undefined) plain(whole)
        else controls[control]?.(Number(count))
      }
    },
    lines: () => cells.map(runsOf),
  }
}

function runsOf(line) {
  const runs = []
  for (const { char, style } of line) {
    const last = runs.at(-1)
    if (last && last.style === style) last.text += char
    else runs.push({ text: char, style })
  }
  return runs
}
