/** The dashboard in a real browser, at a real gateway whose devices pay. */
import type { Browser, BrowserContextOptions, Page } from 'playwright-core'
import * as v from 'valibot'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { formatAmount } from '../../protocol/amount.ts'
import type { SiteDevice } from '../bridge/device.ts'
import { until } from '../support/until.ts'
import type { Credential, DashboardSite } from './site.ts'
import {
  chromiumPath,
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
let ann: Credential
const devices = new Map<string, SiteDevice>()
const pages: Page[] = []
const problems: string[] = []

describe.skipIf(!hasChromium)('the dashboard', () => {
  beforeAll(async () => {
    site = await openDashboardSite()
    browser = await openBrowser()
    ann = await site.credential('ann', ['read', 'supply'])
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

  test('pause stops the supply of a device, and resume starts it', async () => {
    const page = await open()
    await signIn(page, site, ann)
    await page.getByRole('link', { name: 'Devices' }).click()
    await page.getByRole('link', { name: 'charger-2' }).click()
    const levels = () => devices.get('charger-2')?.client.received.supplies ?? []
    await page.getByRole('button', { name: 'Pause' }).click()
    await until('supply is off', () => levels().at(-1)?.supply.reason === 'paused')
    expect(levels().at(-1)?.supply.level).toBe('off')
    await page.locator('.title .badge', { hasText: 'off: paused' }).waitFor()
    const [one] = v.parse(channelsSchema, await site.call('channels', { device: 'charger-2' }))
    expect(one).toMatchObject({ supply: 'off', reason: 'paused' })
    await page.getByRole('button', { name: 'Resume' }).click()
    await until('supply is on', () => levels().at(-1)?.supply.level === 'on')
    await page.locator('.title .badge.on').waitFor()
  })

  test('who may only read is told so, and changes nothing', async () => {
    const page = await open()
    await signIn(page, site, await site.credential('bob', ['read']))
    await page.getByRole('link', { name: 'Devices' }).click()
    await page.getByRole('link', { name: 'charger-3' }).click()
    await page.getByRole('button', { name: 'Pause' }).click()
    await page.locator('.acting', { hasText: /(right|allowed)/ }).waitFor()
    const [one] = v.parse(channelsSchema, await site.call('channels', { device: 'charger-3' }))
    expect(one?.reason).not.toBe('paused')
  })

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
