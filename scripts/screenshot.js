/**
 * Takes the picture of the dashboard in the README: `node scripts/screenshot.js URL NAME PASSWORD`
 * at a gateway that runs, into `docs/images/dashboard.png`. Needs Chromium (Debian: `chromium`).
 * @module
 */
import { chromium } from 'playwright-core'

const [url, name, password] = process.argv.slice(2)
if (!url || !name || !password) {
  console.error('usage: node scripts/screenshot.js http://127.0.0.1:8083 ann@acme PASSWORD')
  process.exit(2)
}

/** Long enough for the plots to say something. */
const WATCHED_MS = Number(process.env.SCREENSHOT_AFTER_MS ?? 20_000)
const out = new URL('../docs/images/dashboard.png', import.meta.url).pathname

const browser = await chromium.launch({
  executablePath: '/usr/bin/chromium',
  args: ['--no-sandbox', '--disable-gpu', '--disable-background-networking'],
})
const page = await browser.newPage({ viewport: { width: 1200, height: 900 } })
await page.goto(url)
await page.getByLabel('Name').fill(name)
await page.getByLabel('Password').fill(password)
await page.keyboard.press('Enter')
await page.getByRole('heading', { name: 'Overview' }).waitFor()
await page.waitForTimeout(WATCHED_MS)
await page.screenshot({ path: out, fullPage: true })
await browser.close()
console.log(out)
