/**
 * The dashboard: signs in, listens, and shows one page after the other. What arrives is kept at
 * once and drawn a few times a second.
 * @module
 */
import { words } from '../format.ts'
import { takeFinding } from '../model/findings.ts'
import type { Fleet } from '../model/fleet.ts'
import {
  createFleet,
  note,
  samplePoint,
  sweepAlarms,
  takeGatewayState,
  takeHealth,
  takeReport,
} from '../model/fleet.ts'
import type { FleetEvent, Heard } from '../model/heard.ts'
import { deviceList } from './deviceList.ts'
import { deviceView } from './deviceView.ts'
import { el, setAttribute, setText } from './dom.ts'
import { eventsView } from './eventsView.ts'
import { overview } from './overview.ts'
import type { Session } from './session.ts'
import { forgetLogin, openSession, rememberedLogin, rememberLogin } from './session.ts'
import { signInPage } from './signIn.ts'
import type { Desk, View } from './view.ts'
import type { Login } from './wire.ts'

const DRAW_EVERY_MS = 250
const SAMPLE_EVERY_MS = 1_000

const links: readonly (readonly [string, string])[] = [
  ['#/', 'Overview'],
  ['#/devices', 'Devices'],
  ['#/events', 'Events'],
]

const main = place('main')
const navigation = place('navigation')
const sessionPlace = place('session')
let closeAll = () => {}

function place(id: string): HTMLElement {
  const found = document.getElementById(id)
  if (!found) throw new Error(`the page has no ${id}`)
  return found
}

function nowSeconds(): number {
  return Math.floor(Date.now() / 1_000)
}

function signIn(why = ''): void {
  closeAll()
  closeAll = () => {}
  forgetLogin()
  document.title = 'Sign in - Tickpay'
  navigation.hidden = true
  sessionPlace.replaceChildren()
  const form = signInPage(why, (login) => {
    rememberLogin(login)
    start(login)
  })
  main.replaceChildren(form)
  form.querySelector('input')?.focus()
}

function start(login: Login): void {
  const fleet = createFleet()
  const light = el('span', { class: 'light connecting' }, 'connecting')
  const session = openSession(login, {
    onHeard: (heard) => {
      for (const one of heard) take(fleet, one)
    },
    onState: (state) => {
      setAttribute(light, 'class', `light ${state}`)
      setText(light, state === 'away' ? 'connection lost, trying again' : state)
    },
    onRefused: (why) => signIn(why),
  })
  const leave = el('button', { type: 'button', class: 'plain' }, 'Sign out')
  leave.addEventListener('click', () => signIn())
  sessionPlace.replaceChildren(light, el('span', { class: 'who' }, login.username), leave)
  const stop = showPages(fleet, session)
  closeAll = () => {
    stop()
    session.close()
  }
}

function take(fleet: Fleet, heard: Heard): void {
  if (heard.kind === 'report') takeReport(fleet, heard.report)
  else if (heard.kind === 'health') takeHealth(fleet, heard.health)
  else if (heard.kind === 'gateway') {
    takeGatewayState(fleet, heard.gateway, heard.state, nowSeconds())
  } else takeEvent(fleet, heard.event)
}

function takeEvent(fleet: Fleet, heard: FleetEvent): void {
  const { event, device, reason, timeSeconds } = heard
  const why = heard.words ?? (reason === undefined ? '' : words(reason))
  note(fleet, {
    timeSeconds: timeSeconds ?? nowSeconds(),
    device: device ?? 'fleet',
    text: why === '' ? words(event) : `${words(event)}: ${why}`,
    isBad: ['refused', 'fraud_found', 'fraud_held'].includes(event),
  })
  takeFinding(fleet, heard, nowSeconds())
}

function showPages(fleet: Fleet, session: Session): () => void {
  const desk: Desk = { fleet, fleetName: session.fleet, nowSeconds, ask: session.ask }
  let view: View | undefined
  let drawnRevision = -1
  const anchors = links.map(([href, title]) => el('a', { href }, title))
  navigation.replaceChildren(...anchors)
  navigation.hidden = false
  const draw = () => {
    if (document.hidden || drawnRevision === fleet.revision) return
    drawnRevision = fleet.revision
    view?.update()
  }
  const go = () => {
    view?.close()
    view = viewAt(desk, location.hash)
    main.replaceChildren(view.element)
    document.title = `${view.title} - Tickpay`
    for (const [at, anchor] of anchors.entries()) {
      const isHere = isBelow(location.hash, links[at]?.[0] ?? '')
      if (isHere) anchor.setAttribute('aria-current', 'page')
      else anchor.removeAttribute('aria-current')
    }
    view.update()
    main.querySelector('h1')?.focus({ preventScroll: true })
    scrollTo(0, 0)
  }
  addEventListener('hashchange', go)
  const drawing = setInterval(draw, DRAW_EVERY_MS)
  const sampling = setInterval(() => {
    samplePoint(fleet, nowSeconds())
    sweepAlarms(fleet, nowSeconds())
  }, SAMPLE_EVERY_MS)
  go()
  return () => {
    removeEventListener('hashchange', go)
    clearInterval(drawing)
    clearInterval(sampling)
    view?.close()
  }
}

function viewAt(desk: Desk, hash: string): View {
  const [, page = '', name = ''] = hash.split('/')
  if (page === 'devices') return deviceList(desk)
  if (page === 'device') return deviceView(desk, decodeURIComponent(name))
  return page === 'events' ? eventsView(desk) : overview(desk)
}

/** A device belongs to the list of devices. */
function isBelow(hash: string, link: string): boolean {
  if (link === '#/') return hash === '' || hash === '#/' || hash === '#'
  return hash.startsWith(link) || (link === '#/devices' && hash.startsWith('#/device/'))
}

const known = rememberedLogin()
if (known) start(known)
else signIn()
