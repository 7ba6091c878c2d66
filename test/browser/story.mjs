// SPDX-License-Identifier: Apache-2.0
// What the stories of the Hub share: the house that they are told to, patience, and an eye for what
// must never be. See hub.mjs for the environment.
import { spawn } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { launch } from './chromium.mjs'

export const env = process.env
const axe = await readFile(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')
export const house = env.HOLDFAST_URL
  ? { url: env.HOLDFAST_URL, link: env.HOLDFAST_LINK, api: env.HOLDFAST_API, key: env.HOLDFAST_KEY, tool: env.HOLDFAST_TOOL, args: JSON.parse(env.HOLDFAST_TOOL_ARGS ?? '{}') }
  : await fixture()

export const patience = 60_000
export const sizes = { desktop: { width: 1280, height: 860 }, phone: { width: 390, height: 844 } }
export const faults = []
let step = 'start'
const began = Date.now()
export const say = (text) => {
  step = text
  console.log(`${((Date.now() - began) / 1000).toFixed(1).padStart(6)} s  ${text}`)
}

async function fixture() {
  const child = spawn(process.execPath, [new URL('../../surface/hub/web/dev/serve.mjs', import.meta.url).pathname, '0', env.HOLDFAST_MANY ?? '0'], { stdio: ['ignore', 'pipe', 'inherit'] })
  const [line] = await new Promise((done) => child.stdout.once('data', (data) => done(String(data).split('\n'))))
  return { url: line, link: `${line}/auth/link?token=fixture`, api: line, key: 'sk-fixture', tool: 'echo', args: { message: 'ahoy' }, stop: () => child.kill() }
}

export const want = (ok, text) => {
  if (!ok) throw new Error(text)
}

/** Asks again until it is so; a failure says what was wanted. */
export async function until(what, ask, within = patience) {
  const end = Date.now() + within
  for (let last; ; ) {
    try {
      last = await ask()
      if (last) return last
    } catch (err) {
      last = err
    }
    if (Date.now() > end) throw new Error(`never came: ${what} (last: ${last})`)
    await new Promise((done) => setTimeout(done, 100))
  }
}

function watch(page) {
  page.on('pageerror', (err) => faults.push(`script: ${err.message}`))
  page.on('console', (m) => {
    if (m.type() === 'error' && !m.text().startsWith('Failed to load resource')) faults.push(`console: ${m.text()}`)
  })
  page.on('request', (r) => {
    const url = new URL(r.url())
    if (url.protocol !== 'blob:' && url.origin !== new URL(house.url).origin) faults.push(`asked elsewhere: ${r.url()}`)
  })
}

export const open = async (page, path, title) => {
  await page.goto(house.url + path)
  await page.getByRole('heading', { level: 1, name: title }).waitFor({ timeout: patience })
}
export const toast = (page, text) => page.locator('.toast', { hasText: text }).waitFor({ timeout: patience })
export const closeToasts = async (page) => {
  for (const button of await page.locator('.toast').getByRole('button', { name: 'Close message' }).all()) await button.click({ timeout: 1_000 }).catch(() => {}) // it may go by itself
}

export async function login(page) {
  say('opens the one-time link')
  const response = await page.goto(house.link)
  want(response.ok(), `the link answers ${response.status()}`)
  await page.getByRole('button', { name: 'Log in' }).click()
  await page.getByRole('heading', { level: 1, name: 'Overview' }).waitFor({ timeout: patience })
  await page.getByText('What runs').waitFor()
  await page.locator('.side .live.is-live').waitFor({ timeout: patience })
}

/** Notes as a fault what no page may have: more width than the screen, and what axe finds serious. */
export async function judge(page, where) {
  const wide = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth)
  if (wide > 0) faults.push(`${where}: ${wide} px wider than the screen`)
  await page.evaluate(axe)
  const found = await page.evaluate(() => window.axe.run(document, { resultTypes: ['violations'] }))
  for (const v of found.violations) {
    const line = `${where}: axe ${v.impact}: ${v.id}: ${v.nodes.slice(0, 3).map((n) => n.target.join(' ')).join(' | ')}`
    if (v.impact === 'serious' || v.impact === 'critical') faults.push(line)
    else console.log(`          minor: ${line}`)
  }
}

/** Looks at a page that is outside the Hub at each size and in each theme. */
export async function everyWay(page, name) {
  for (const [size, viewport] of Object.entries(sizes)) {
    for (const theme of ['light', 'dark']) {
      await page.setViewportSize(viewport)
      await page.emulateMedia({ colorScheme: theme, reducedMotion: 'reduce' })
      await judge(page, `${name}, ${size}, ${theme}`)
      if (env.SHOTS) await page.screenshot({ path: `${env.SHOTS}/${name}-${size}-${theme}.png`, fullPage: true })
    }
  }
  await page.setViewportSize(sizes.desktop)
}

/** Looks at pages at each size and in each theme: { name: [path, title, ready?] }. */
export async function look(page, pages) {
  for (const [size, viewport] of Object.entries(sizes)) {
    for (const theme of ['light', 'dark']) {
      say(`looks at each page, ${size}, ${theme}`)
      await page.setViewportSize(viewport)
      await page.emulateMedia({ colorScheme: theme, reducedMotion: 'reduce' })
      for (const [name, [path, title, ready]] of Object.entries(pages)) {
        await page.goto(house.url + path)
        await page.locator('h1', { hasText: title }).waitFor({ timeout: patience })
        await until('no skeleton', async () => (await page.locator('.skeleton').count()) === 0)
        await ready?.(page)
        await judge(page, `${name}, ${size}, ${theme}`)
        if (env.SHOTS) await page.screenshot({ path: `${env.SHOTS}/${name}-${size}-${theme}.png` })
      }
    }
  }
}

/** Tells a story in a browser of its own, then what was wrong, and ends the process. */
export async function tell(holds, story) {
  const browser = await launch()
  const context = await browser.newContext({ viewport: sizes.desktop, colorScheme: 'light', reducedMotion: 'reduce' })
  const page = await context.newPage()
  watch(page)
  try {
    await story(page, context)
  } catch (err) {
    faults.push(`${step}: ${err.message}`)
    if (env.SHOTS) await page.screenshot({ path: `${env.SHOTS}/failure.png` }).catch(() => {})
  } finally {
    await browser.close()
    house.stop?.()
  }
  for (const fault of faults) console.error(`FAIL  ${fault}`)
  say(faults.length === 0 ? holds : `${faults.length} faults`)
  process.exit(faults.length === 0 ? 0 : 1)
}
