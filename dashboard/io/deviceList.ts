/**
 * All devices in a table of which only the rows in sight exist: ten thousand are as quick as ten.
 * @module
 */
import { money, moneyRate, units, whole } from '../format.ts'
import type { Device } from '../model/fleet.ts'
import type { Column, Wanted } from '../model/order.ts'
import { chooseDevices } from '../model/order.ts'
import { el, setAttribute, setHidden, setText } from './dom.ts'
import type { Desk, View } from './view.ts'
import { deviceLink, emptyState, showBadge } from './view.ts'

/** As in the style sheet. */
const ROW_HEIGHT = 44
/** Beyond what is in sight, so that scrolling shows no gap. */
const ROWS_AROUND = 6
/** What is drawn in between is the rows that are there. */
const CHOOSE_EVERY_MS = 1_000

type Row = {
  readonly element: HTMLTableRowElement
  readonly link: HTMLAnchorElement
  readonly badge: HTMLElement
  readonly cells: readonly HTMLTableCellElement[]
}

const columns: readonly (readonly [Column, string, string])[] = [
  ['name', 'Device', ''],
  ['state', 'Supply', ''],
  ['spend', 'Spend', 'number'],
  ['paid', 'Paid', 'number'],
  ['exposure', 'Exposure', 'number wide'],
  ['reserved', 'Reserved', 'number wide'],
]

export function deviceList(desk: Desk): View {
  const { fleet } = desk
  let wanted: Wanted = { text: '', state: 'all', column: 'name', isDescending: false }
  let shown: readonly Device[] = []
  const rows: Row[] = []
  const before = el('tr', { 'aria-hidden': 'true' })
  const after = el('tr', { 'aria-hidden': 'true' })
  const body = el('tbody', {}, before, after)
  const count = el('p', { class: 'quiet', role: 'status' })
  const nothing = emptyState('No device fits', 'Clear the filter to see all of them.')
  let chosenMs = 0
  let chosenMembership = -1
  const choose = () => {
    chosenMs = performance.now()
    chosenMembership = fleet.membership
    shown = chooseDevices(fleet.devices.values(), wanted)
    draw()
  }
  const draw = () => {
    drawRows({ area, before, after, table, rows }, shown)
    setText(count, `${whole(shown.length)} of ${whole(fleet.devices.size)} devices`)
    setHidden(nothing, shown.length > 0)
    setHidden(area, shown.length === 0)
  }
  const change = (part: Partial<Wanted>) => {
    wanted = { ...wanted, ...part }
    area.scrollTop = 0
    choose()
  }
  const heads = headings((column) => {
    const isDescending = column === wanted.column ? !wanted.isDescending : startsDescending(column)
    change({ column, isDescending })
    showOrder(heads, wanted)
  })
  const table = el('table', { class: 'devices' }, el('thead', {}, el('tr', {}, ...heads)), body)
  const scrolled = { class: 'card area', tabindex: '0', role: 'region', 'aria-label': 'Devices' }
  const area = el('div', scrolled, table)
  area.addEventListener('scroll', draw, { passive: true })
  showOrder(heads, wanted)
  return {
    title: 'Devices',
    element: el(
      'div',
      {},
      el('h1', { tabindex: '-1' }, 'Devices'),
      filterForm(change),
      count,
      area,
      nothing,
    ),
    update: () => {
      // Rows that move while somebody reads them are no help, and order costs the most.
      const isDue = performance.now() - chosenMs >= CHOOSE_EVERY_MS
      if (isDue || chosenMembership !== fleet.membership) choose()
      else draw()
    },
    close: () => {},
  }
}

/** Figures are looked at from the largest, names from the first. */
function startsDescending(column: Column): boolean {
  return column !== 'name' && column !== 'state'
}

function headings(onSort: (column: Column) => void): readonly HTMLElement[] {
  return columns.map(([column, title, kind]) => {
    const button = el('button', { type: 'button', class: 'sort' }, title)
    button.addEventListener('click', () => onSort(column))
    return el('th', { scope: 'col', class: kind }, button)
  })
}

function showOrder(heads: readonly HTMLElement[], wanted: Wanted): void {
  for (const [place, head] of heads.entries()) {
    const isSorted = columns[place]?.[0] === wanted.column
    const way = wanted.isDescending ? 'descending' : 'ascending'
    setAttribute(head, 'aria-sort', isSorted ? way : 'none')
  }
}

function filterForm(change: (part: Partial<Wanted>) => void): HTMLElement {
  const text = el('input', { id: 'filter', type: 'search', placeholder: 'name, meter or reason' })
  text.addEventListener('input', () => change({ text: text.value }))
  const states: readonly (readonly [Wanted['state'], string])[] = [
    ['all', 'all'],
    ['attention', 'all that are not on'],
    ['on', 'on'],
    ['limited', 'limited'],
    ['off', 'off'],
    ['offline', 'offline'],
  ]
  const options = states.map(([value, name]) => el('option', { value }, name))
  const state = el('select', { id: 'state' }, ...options)
  state.addEventListener('change', () => {
    change({ state: states.find(([value]) => value === state.value)?.[0] ?? 'all' })
  })
  const form = el(
    'form',
    { class: 'filter', role: 'search' },
    el('label', { for: 'filter' }, 'Filter'),
    text,
    el('label', { for: 'state' }, 'Supply'),
    state,
  )
  form.addEventListener('submit', (event) => event.preventDefault())
  return form
}

type Parts = {
  readonly area: HTMLElement
  readonly table: HTMLElement
  readonly before: HTMLElement
  readonly after: HTMLElement
  readonly rows: Row[]
}

function drawRows({ area, table, before, after, rows }: Parts, shown: readonly Device[]): void {
  const inSight = Math.ceil(area.clientHeight / ROW_HEIGHT) + 2 * ROWS_AROUND
  const top = Math.max(0, Math.floor(area.scrollTop / ROW_HEIGHT) - ROWS_AROUND)
  const first = Math.max(0, Math.min(top, shown.length - inSight))
  const devices = shown.slice(first, first + inSight)
  while (rows.length < devices.length) {
    const row = newRow()
    rows.push(row)
    after.before(row.element)
  }
  for (const [place, row] of rows.entries()) {
    const device = devices[place]
    setHidden(row.element, device === undefined)
    if (device) showRow(row, device, first + place)
  }
  setHeight(before, first)
  setHeight(after, shown.length - first - devices.length)
  setAttribute(table, 'aria-rowcount', `${shown.length + 1}`)
}

function setHeight(row: HTMLElement, rows: number): void {
  const height = `${rows * ROW_HEIGHT}px`
  if (row.style.height !== height) row.style.height = height
}

function newRow(): Row {
  const link = deviceLink('')
  const badge = el('span', { class: 'badge' })
  const cells = columns.map(([, , kind]) => el('td', { class: kind }))
  cells[0]?.append(link)
  cells[1]?.append(badge)
  return { element: el('tr', {}, ...cells), link, badge, cells }
}

function showRow({ element, link, badge, cells }: Row, device: Device, place: number): void {
  const { name, sums, asset, spendPerHour } = device
  setAttribute(element, 'aria-rowindex', `${place + 2}`)
  setText(link, name)
  setAttribute(link, 'href', `#/device/${name}`)
  setAttribute(link, 'title', device.units.map(([unit, value]) => units(value, unit)).join(', '))
  showBadge(badge, device)
  const figures = [
    moneyRate(spendPerHour, asset),
    money(sums.paid, asset),
    money(sums.exposure, asset),
    money(sums.reserved, asset),
  ]
  for (const [at, text] of figures.entries()) {
    const cell = cells[at + 2]
    if (cell) setText(cell, text)
  }
}
