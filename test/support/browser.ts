/**
 * A real browser, and how somebody signs in at a dashboard.
 * @module
 */
import { existsSync } from 'node:fs'
import type { Browser, Page } from 'playwright-core'
import { chromium } from 'playwright-core'

export const chromiumPath = '/usr/bin/chromium'
export const hasChromium = existsSync(chromiumPath)

const flags = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
]

export function openBrowser(): Promise<Browser> {
  return chromium.launch({ executablePath: chromiumPath, args: flags })
}

export async function signIn(
  page: Page,
  { url }: { readonly url: string },
  who: { readonly username: string; readonly password: string },
): Promise<void> {
  await page.goto(url)
  await page.getByLabel('Name').fill(who.username)
  await page.getByLabel('Password').fill(who.password)
  await page.keyboard.press('Enter')
}
