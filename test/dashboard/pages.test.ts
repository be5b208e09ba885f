/** The dashboard in a real browser, at a real gateway whose devices pay. */
import type { Browser, BrowserContextOptions, Page } from 'playwright-core'
import * as v from 'valibot'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { formatAmount } from '../../protocol/amount.ts'
import type { SiteDevice } from '../bridge/device.ts'
import { until } from '../support/until.ts'
import type { Credential, DashboardSite, Operator } from './site.ts'
import {
  chromiumPath,
  codeOf,
  figureIs,
  hasChromium,
  openBrowser,
  openDashboardSite,
  signIn,
  violations,
} from './site.ts'

if (!hasChromium) process.stderr.write(`\nNOT RUN: ${chromiumPath} is not there\n`)

const asset = { code: 'EUR', scale: 6 }
const channelsSchema = v.array(
  v.object({
    device: v.string(),
    paid: v.string(),
    reserved: v.string(),
    exposure: v.string(),
    supply: v.string(),
    reason: v.string(),
  }),
)
const allocationsSchema = v.array(v.object({ paid: v.string() }))

let site: DashboardSite
let browser: Browser
let ann: Operator
const devices = new Map<string, SiteDevice>()
const pages: Page[] = []
const problems: string[] = []

describe.skipIf(!hasChromium)('the dashboard', () => {
  beforeAll(async () => {
    site = await openDashboardSite()
    browser = await openBrowser()
    ann = await site.operator('ann')
    for (const [place, name] of ['charger-1', 'charger-2', 'charger-3'].entries()) {
      const device = await site.device(name)
      await device.tick(await device.commit(), 7 * (place + 1))
      devices.set(name, device)
    }
  })

  afterEach(async () => {
    for (const page of pages.splice(0)) await page.context().close()
    expect(problems.splice(0)).toEqual([])
  })

  afterAll(async () => {
    await browser?.close()
    await site?.close()
  })

  async function open(options: BrowserContextOptions = {}): Promise<Page> {
    const context = await browser.newContext({ viewport: { width: 1200, height: 800 }, ...options })
    const page = await context.newPage()
    page.on('pageerror', (error) => problems.push(String(error)))
    page.on('console', (message) => {
      if (message.type() === 'error') problems.push(message.text())
    })
    pages.push(page)
    return page
  }

  test('its sums equal those of the gateway and of the ledger', async () => {
    await site.call('settle', {})
    const [allocation] = v.parse(allocationsSchema, await site.call('ledger_allocations', {}))
    const all = v.parse(channelsSchema, await site.call('channels', {}))
    const sum = (name: 'paid' | 'reserved' | 'exposure') =>
      formatAmount(
        all.reduce((total, one) => total + BigInt(one[name]), 0n),
        asset,
      )
    expect(allocation?.paid).toBe('12600')
    const page = await open()
    await signIn(page, site, ann)
    await figureIs(page, 'Settled', formatAmount(BigInt(allocation?.paid ?? 0), asset))
    await figureIs(page, 'Settled in all', formatAmount(BigInt(allocation?.paid ?? 0), asset))
    await figureIs(page, 'Paid', sum('paid'))
    await figureIs(page, 'Reserved', sum('reserved'))
    await figureIs(page, 'Exposure', sum('exposure'))
    await figureIs(page, 'Devices online', '3 of 3')
  })

  async function openDevice(who: Credential, name: string): Promise<Page> {
    const page = await open()
    await signIn(page, site, who)
    await page.getByRole('link', { name: 'Devices' }).click()
    await page.getByRole('link', { name }).click()
    return page
  }

  const reasonOf = async (device: string) =>
    v.parse(channelsSchema, await site.call('channels', { device }))[0]?.reason

  test('an operator with a code stops the supply of a device, and starts it again', async () => {
    const page = await openDevice(ann, 'charger-2')
    const levels = () => devices.get('charger-2')?.client.received.supplies ?? []
    const code = codeOf(ann)
    await page.getByRole('button', { name: 'Pause' }).click()
    const dialog = page.getByRole('dialog', { name: 'Confirm: pause charger-2' })
    await dialog.getByLabel('Code').waitFor()
    expect(await reasonOf('charger-2')).not.toBe('paused')
    await page.keyboard.type('000000')
    await page.keyboard.press('Enter')
    await dialog.getByRole('alert').filter({ hasText: 'wrong' }).waitFor()
    expect(await violations(page)).toEqual([])
    await page.keyboard.type(code)
    await page.keyboard.press('Enter')
    await until('supply is off', () => levels().at(-1)?.supply.reason === 'paused')
    expect(levels().at(-1)?.supply.level).toBe('off')
    await page.locator('.title .badge', { hasText: 'off: paused' }).waitFor()
    expect(await reasonOf('charger-2')).toBe('paused')
    // The session is proven for some minutes.
    await page.getByRole('button', { name: 'Resume' }).click()
    await until('supply is on', () => levels().at(-1)?.supply.level === 'on')
    await page.locator('.title .badge.on').waitFor()
  })

  test('who gives up at the code changes nothing', async () => {
    const page = await openDevice(ann, 'charger-3')
    await page.getByRole('button', { name: 'Pause' }).click()
    await page.getByLabel('Code').waitFor()
    await page.keyboard.press('Escape')
    await page.locator('.acting', { hasText: 'not done' }).waitFor()
    expect(await reasonOf('charger-3')).not.toBe('paused')
  })

  test.each([
    ['bob', ['read'], /(right|allowed)/],
    ['switch', ['read', 'supply'], /operator/],
  ] as const)(
    '%s, who is no operator, is told so, and changes nothing',
    async (name, rights, told) => {
      const page = await openDevice(await site.credential(name, rights), 'charger-3')
      await page.getByRole('button', { name: 'Pause' }).click()
      await page.locator('.acting', { hasText: told }).waitFor()
      expect(await reasonOf('charger-3')).not.toBe('paused')
    },
  )

  test('a wrong password leads back, and nothing of it is kept', async () => {
    const page = await open()
    await signIn(page, site, { ...ann, password: 'wrong' })
    await page.getByRole('alert').filter({ hasText: 'does not know' }).waitFor()
    expect(await page.evaluate('sessionStorage.length + localStorage.length')).toBe(0)
  })

  test('a tab stays signed in; signing out forgets', async () => {
    const page = await open()
    await signIn(page, site, ann)
    await figureIs(page, 'Devices online', '3 of 3')
    await page.reload()
    await figureIs(page, 'Devices online', '3 of 3')
    expect(await page.evaluate('localStorage.length')).toBe(0)
    await page.getByRole('button', { name: 'Sign out' }).click()
    expect(await page.evaluate('sessionStorage.length')).toBe(0)
  })

  test('devices are filtered and sorted with the keyboard alone', async () => {
    const page = await open()
    await signIn(page, site, ann)
    await page.goto(`${site.url}#/devices`)
    const names = () => page.locator('.devices tbody tr:visible a').allTextContents()
    await page.getByRole('link', { name: 'charger-3' }).waitFor()
    await page.getByRole('button', { name: 'Paid' }).focus()
    await page.keyboard.press('Enter')
    expect(await names()).toEqual(['charger-3', 'charger-2', 'charger-1'])
    await page.getByLabel('Filter').focus()
    await page.keyboard.type('ger-2')
    expect(await names()).toEqual(['charger-2'])
    await page.getByText('1 of 3 devices').waitFor()
  })

  test.each<[string, BrowserContextOptions]>([
    ['light', { colorScheme: 'light' }],
    ['dark', { colorScheme: 'dark' }],
    ['on a phone', { viewport: { width: 375, height: 700 }, isMobile: true, hasTouch: true }],
  ])(
    '%s: nothing serious for axe on any page, and nothing wider than it',
    async (_name, options) => {
      const page = await open(options)
      await page.goto(site.url)
      await page.getByText('The first time here?').click()
      expect(await violations(page)).toEqual([])
      await signIn(page, site, ann)
      await figureIs(page, 'Devices online', '3 of 3')
      for (const hash of ['#/', '#/devices', '#/device/charger-1', '#/events']) {
        await page.goto(`${site.url}${hash}`)
        await page.locator('h1').waitFor()
        expect(await violations(page), hash).toEqual([])
        const overflow =
          'document.documentElement.scrollWidth - document.documentElement.clientWidth'
        expect(await page.evaluate(overflow), hash).toBe(0)
      }
    },
  )
})
