// SPDX-License-Identifier: Apache-2.0
// The Hub in a real browser, against a real house: log in by the one-time link, see the units,
// restart one, watch its log, see tokens counted, halt and resume, answer an approval, call a tool,
// read it all in the journal; then every page at two sizes and in two themes, with axe.
//
//   HOLDFAST_URL    the front door; without it the Hub's own fixture is served and used
//   HOLDFAST_LINK   a one-time link, from `holdfast link`
//   HOLDFAST_API    base of the bearer-key routes, and HOLDFAST_KEY its key: a chat call is made
//   HOLDFAST_MODEL  the model of that call (the first that is listed, when empty)
//   HOLDFAST_UNIT   the unit to restart (the first that runs and is not the house's own, when empty)
//   HOLDFAST_TOOL   a tool to call, with HOLDFAST_TOOL_ARGS as JSON
//   HOLDFAST_RESUME a shell command that ends a HALT as the owner, where a session may not
//   SHOTS           a folder for screenshots
import { exec } from 'node:child_process'
import { promisify } from 'node:util'
import { closeToasts, env, house, judge, login, look, open, patience, say, sizes, tell, toast, until, want } from './story.mjs'

const row = (page, name) => page.locator(`table.units tr[data-unit="${name}"]`)

async function restart(page) {
  await open(page, '/units', 'Units')
  const rows = page.locator('table.units tr[data-unit]')
  await rows.first().waitFor()
  const name = env.HOLDFAST_UNIT ?? (await rows.filter({ has: page.locator('.badge.good') }).filter({ hasNot: page.getByRole('button', { name: 'Restart edge' }) }).first().getAttribute('data-unit'))
  say(`restarts ${name}`)
  const line = row(page, name)
  const pid = () => line.locator('.unit-pid').textContent()
  const before = await pid()
  await line.getByRole('button', { name: `Restart ${name}`, exact: true }).click()
  await page.getByRole('alertdialog').getByRole('button', { name: 'Restart' }).click()
  await toast(page, `${name} is restarted`)
  await until(`${name} up again`, async () => (!env.HOLDFAST_URL || (await pid()) !== before) && (await line.locator('.badge.good').count()) === 1)
  await closeToasts(page)
  return name
}

async function log(page, unit) {
  say(`watches the log of ${unit}`)
  await page.getByRole('button', { name: `Log of ${unit}`, exact: true }).click()
  const box = page.locator('.log')
  await page.getByText(/lines?, live/).waitFor({ timeout: patience })
  const count = () => box.locator('.log-line').count()
  const status = () => page.locator('.log-foot [role=status]').textContent() // how many lines, and whether it follows
  const last = async () => `${await status()}: ${await box.locator('.log-line').last().textContent()}`
  await until('the first line', count)
  const before = await last()
  await page.evaluate(async (name) => {
    const answer = await fetch('/api/v1/unit/restart', {
      method: 'POST', headers: { 'Content-Type': 'application/json', 'X-CSRF-Token': localStorage.getItem('holdfast.csrf') }, body: JSON.stringify({ unit: name }),
    })
    if (!answer.ok) throw new Error(`the restart was refused: ${await answer.text()}`)
  }, unit)
  await until(`a new line, live, after ${before}`, async () => {
    const now = await last()
    if (now.includes('paused')) throw new Error(`it no longer follows: ${now}`)
    return now !== before
  })
  await page.getByRole('searchbox', { name: 'Search the log' }).fill('no line has this')
  await until('the search to leave none', async () => (await count()) === 0)
  await page.keyboard.press('Escape')
  await page.keyboard.press('Escape')
  await box.waitFor({ state: 'detached' })
}

async function chat() {
  const headers = { Authorization: `Bearer ${house.key}`, 'Content-Type': 'application/json' }
  let model = env.HOLDFAST_MODEL
  if (!model && env.HOLDFAST_URL) model = (await (await fetch(`${house.api}/v1/models`, { headers })).json()).data[0].id
  return fetch(`${house.api}/v1/chat/completions`, { method: 'POST', headers, body: JSON.stringify({ model, messages: [{ role: 'user', content: 'hello' }] }) })
}

async function tokens(page) {
  if (!house.api) return say('no HOLDFAST_API: tokens are not counted here')
  say('counts a chat call')
  await open(page, '/tokens', 'Tokens')
  const calls = async () => Number((await page.locator('.figures li').first().locator('span').last().textContent()).replace(/\D/g, ''))
  await page.locator('.figures').waitFor({ timeout: patience })
  const before = await calls()
  const answer = await chat()
  want(answer.ok, `the chat call answers ${answer.status}: ${await answer.text()}`)
  await until('one call more', async () => (await calls()) > before, 2 * patience)
}

async function breaker(page) {
  say('halts the breaker')
  await open(page, '/tokens', 'Tokens')
  await page.getByRole('button', { name: 'Halt' }).click()
  await page.getByRole('alertdialog').getByRole('textbox').fill('a drill in the browser')
  await page.getByRole('alertdialog').getByRole('button', { name: 'Halt now' }).click()
  const state = page.locator('.card.breaker .badge')
  await until('halted', async () => (await state.textContent()) === 'halted')
  await page.getByText('a drill in the browser').first().waitFor()
  if (env.HOLDFAST_URL && house.api) want((await chat()).status === 503, 'a call goes through although HALT stands')
  await closeToasts(page)
  say('resumes the breaker')
  await page.getByRole('button', { name: 'Resume' }).click()
  await page.getByRole('alertdialog').getByRole('button', { name: 'Resume' }).click()
  const dialog = page.getByRole('alertdialog')
  const refused = dialog.locator('.trouble-card', { hasText: 'Refused by guard tier' })
  const armed = async () => (await state.textContent()) === 'armed'
  await until('armed, or refused by tier', async () => (await armed()) || (await refused.count()) > 0)
  if (!(await armed())) {
    say('resuming is the owner\'s: the terminal does it')
    want((await dialog.locator('pre').textContent()) === 'holdfast breaker resume', 'the owner\'s command is not shown')
    await dialog.getByRole('button', { name: 'Cancel' }).click()
    want(env.HOLDFAST_RESUME, 'the session may not resume, and HOLDFAST_RESUME does not say who may')
    await promisify(exec)(env.HOLDFAST_RESUME)
  }
  await until('armed again', armed, 2 * patience)
  await closeToasts(page)
}

async function approval(page) {
  await open(page, '/approvals', 'Approvals')
  const review = page.getByRole('button', { name: 'Review and allow' })
  await page.getByText(/requests? waits? for|Nobody waits/).waitFor({ timeout: patience })
  const waiting = await review.count()
  if (waiting === 0) return say('no approval waits')
  say('allows an approval, category by category')
  await review.first().click()
  const dialog = page.getByRole('alertdialog')
  const destroy = dialog.getByRole('button', { name: 'Destroy' })
  await destroy.waitFor({ timeout: patience })
  want(await destroy.isDisabled(), 'Destroy is offered before a category is confirmed')
  await judge(page, 'inventory')
  if (env.SHOTS) await page.screenshot({ path: `${env.SHOTS}/inventory.png` })
  for (const category of await dialog.locator('.category').all()) {
    want(await destroy.isDisabled(), 'Destroy is offered before each category is confirmed')
    const name = await category.locator('h3').textContent()
    if (await category.getByRole('checkbox').count()) await category.getByRole('checkbox').check()
    else await category.getByRole('textbox').fill(name)
  }
  await destroy.click()
  await toast(page, 'Allowed')
  await until('one fewer waits', async () => (await review.count()) < waiting)
  await closeToasts(page)
  return true
}

async function tool(page) {
  if (!house.tool) return say('no HOLDFAST_TOOL: none is called')
  say(`calls the tool ${house.tool}`)
  await open(page, `/tools?q=${house.tool}`, 'Tools')
  await page.locator('.tool-line', { has: page.getByText(house.tool, { exact: true }) }).click()
  const form = page.locator('form.try')
  for (const [name, value] of Object.entries(house.args)) {
    const control = form.locator(`#try-${name}`)
    const text = typeof value === 'string' ? value : Array.isArray(value) ? value.join('\n') : String(value)
    if ((await control.evaluate((el) => el.tagName)) === 'SELECT') await control.selectOption(text)
    else await control.fill(text)
  }
  await form.getByRole('button', { name: 'Call' }).click()
  await form.getByText('done', { exact: true }).waitFor({ timeout: patience })
  await page.keyboard.press('Escape')
}

async function journal(page, unit, allowed) {
  say('finds it all in the journal')
  await open(page, '/journal', 'Journal')
  const shows = (...parts) => until(`the journal shows ${parts.join(' ')}`, async () => {
    let rows = page.locator('table.journal tbody tr')
    for (const part of parts) rows = rows.filter({ hasText: part })
    return (await rows.count()) > 0
  })
  await shows('unit.restart', unit, 'done')
  await shows('breaker.halt')
  await shows('breaker.resume')
  if (allowed) await shows('approval.allow')
  await page.getByRole('searchbox', { name: 'Action' }).fill('breaker')
  await until('only the breaker', async () => {
    const names = await page.locator('table.journal .entry-action').allTextContents()
    return names.length > 0 && names.every((n) => n.startsWith('breaker'))
  })
  await page.locator('table.journal .entry-action button').first().click()
  await page.getByRole('dialog').getByText('Hash').waitFor()
  await page.keyboard.press('Escape')
  await page.getByRole('button', { name: 'Verify the chain' }).click()
  await page.getByText(/entr(y|ies) hold/).waitFor({ timeout: patience })
}

async function keyboard(page) {
  say('is worked by keyboard, and keeps the theme')
  await open(page, '/', 'Overview')
  await page.keyboard.press('Tab')
  want((await page.evaluate(() => document.activeElement?.textContent)) === 'Skip to the page', 'the first stop is not the skip link')
  await page.locator('.side').getByRole('button', { name: 'Dark' }).focus()
  await page.keyboard.press('Enter')
  await page.reload()
  want((await page.evaluate(() => document.documentElement.dataset.theme)) === 'dark', 'the theme is forgotten')
  await page.locator('.side').getByRole('button', { name: 'As the system' }).click()
  await page.getByRole('link', { name: 'Journal' }).first().focus()
  await page.keyboard.press('Enter')
  await page.getByRole('heading', { level: 1, name: 'Journal' }).waitFor()
  want((await page.evaluate(() => document.activeElement?.tagName)) === 'H1', 'a new page is not read from its heading')
}

async function phone(page) {
  say('is found by thumb on a phone')
  await page.setViewportSize({ width: 390, height: 844 })
  await open(page, '/', 'Overview')
  await page.locator('nav.bottom').getByRole('link', { name: 'Units' }).click()
  await page.getByRole('heading', { level: 1, name: 'Units' }).waitFor()
  await page.getByRole('button', { name: 'More' }).click()
  await page.getByRole('dialog').getByRole('link', { name: 'Journal' }).click()
  await page.getByRole('heading', { level: 1, name: 'Journal' }).waitFor()
  await until('the drawer to close', async () => (await page.getByRole('dialog').count()) === 0)
}

async function lost(page, context) {
  say('says when the house is gone, and comes back')
  await open(page, '/units', 'Units')
  await page.locator('table.units').waitFor()
  await page.locator('.side .live.is-live').waitFor({ timeout: patience })
  // A stream that is open stays open when the network of the browser is cut, so pages are left and entered.
  await context.setOffline(true)
  await page.evaluate(() => document.dispatchEvent(new Event('visibilitychange')))
  await page.getByRole('link', { name: 'Tools' }).first().click()
  await page.getByText('The house does not answer').first().waitFor({ timeout: patience })
  await context.setOffline(false)
  await page.getByRole('button', { name: 'Try again' }).first().click({ timeout: 2_000 }).catch(() => {}) // it may have come back by itself
  await page.locator('.tool-line').first().waitFor({ timeout: patience })
}

const pages = { overview: ['/', 'Overview'], units: ['/units', 'Units'], tokens: ['/tokens', 'Tokens'], tools: ['/tools', 'Tools'], approvals: ['/approvals', 'Approvals'], journal: ['/journal', 'Journal'] }

async function looks(page, unit) {
  const drawers = { log: [`/units?log=${unit}`, 'Units'], ...(house.tool ? { tool: [`/tools?tool=${house.tool}`, 'Tools'] } : {}) }
  await look(page, { ...pages, ...drawers })
}

async function logout(page) {
  say('logs out')
  await page.setViewportSize(sizes.desktop)
  await open(page, '/', 'Overview')
  await page.locator('.side').getByRole('button', { name: 'Log out' }).click()
  await page.waitForURL('**/auth/login*', { timeout: patience })
  if (!env.HOLDFAST_URL) return
  await page.goto(house.url + '/units')
  await page.waitForURL('**/auth/login?*', { timeout: patience })
}

await tell('the Hub holds', async (page, context) => {
  await login(page)
  const unit = await restart(page)
  await log(page, unit)
  await tokens(page)
  await tool(page)
  await breaker(page)
  const allowed = await approval(page)
  await journal(page, unit, allowed)
  await keyboard(page)
  await lost(page, context)
  await looks(page, unit)
  await phone(page)
  await logout(page)
})
