// SPDX-License-Identifier: Apache-2.0
// The burn in depth, in a real browser: the chart by pointer, keyboard and table, usage of any days
// with its CSV against the ledger's own sums, 10,000 sessions page by page, a call whole, caps and HALT
// of one key, HALT of the house on every page, a failure drilled and talked through, requests that
// fail and lose nothing. See hub.mjs for the environment; HOLDFAST_BIN is the owner's way.
import { execFile } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { promisify } from 'node:util'
import { closeToasts, env, house, judge, login, look, open, patience, say, tell, toast, until, want } from './story.mjs'

const real = Boolean(env.HOLDFAST_URL)
const owner = (...args) => promisify(execFile)(env.HOLDFAST_BIN, ['--home', env.HOLDFAST_HOME, ...args])
const number = (text) => Number((text ?? '').replace(/[^\d−-]/g, '').replace('−', '-'))
const dialog = (page) => page.getByRole('alertdialog')

/** What the house itself says, asked as the page asks. */
const ask = (page, action, input) => page.evaluate(async ([path, body]) => {
  const answer = await fetch(`/api/v1/${path}`, { method: 'POST', headers: { 'Content-Type': 'application/json', 'X-CSRF-Token': localStorage.getItem('holdfast.csrf') }, body: JSON.stringify(body) })
  return answer.json()
}, [action.replace('.', '/'), input])

async function chart(page) {
  say('reads the chart by keyboard and as a table')
  await open(page, '/tokens', 'Tokens')
  const slider = page.getByRole('slider', { name: 'Tokens by hour' })
  await slider.locator('svg').waitFor({ timeout: patience })
  for (const text of ['input', 'cached read', 'cache write', 'output', 'reasoning', 'cap', 'at this pace']) await page.locator('.stack-legend li', { hasText: text }).first().waitFor()
  want((await slider.locator('.stack-cap line').count()) === 1, 'the cap is no line')
  want(/cap 15M/.test(await slider.locator('.stack-cap text').textContent()), 'the cap is not named')
  const patterns = await slider.locator('pattern').evaluateAll((all) => all.map((p) => p.querySelector('path')?.getAttribute('d') ?? ''))
  want(new Set(patterns).size === 5, 'classes differ by colour alone')
  const said = () => slider.getAttribute('aria-valuetext')
  await slider.focus()
  const newest = await said()
  await page.keyboard.press('ArrowLeft')
  await until('the hour before', async () => (await said()) !== newest)
  await page.keyboard.press('Home')
  await until('the oldest hour', async () => (await slider.getAttribute('aria-valuenow')) === '1')
  want(/ tokens in \d+ calls?/.test(await said()), `the hour says ${await said()}`)
  await page.getByRole('button', { name: 'Table', exact: true }).click()
  const rows = page.locator('.history tbody tr')
  await rows.first().waitFor()
  for (const row of (await rows.all()).slice(0, 5)) {
    const [, , ...cells] = await row.locator('td').allTextContents()
    const parts = cells.slice(0, 5).map(number)
    want(parts.reduce((a, b) => a + b, 0) === number(cells[5]), `the classes ${parts} do not add up to ${cells[5]}`)
  }
  await judge(page, 'the chart as a table')
  await page.getByRole('button', { name: '30 days' }).click()
  await until('days', async () => (await page.locator('.history h2').textContent()) === 'By day')
  await page.getByRole('button', { name: 'Chart', exact: true }).click()
  await page.getByRole('slider', { name: 'Tokens by day' }).locator('svg').waitFor()
}

async function save(page, name) {
  const [file] = await Promise.all([page.waitForEvent('download', { timeout: patience }), page.getByRole('button', { name }).click()])
  const [head, ...lines] = (await readFile(await file.path(), 'utf8')).trimEnd().split('\r\n')
  return { name: file.suggestedFilename(), head: head.split(','), lines: lines.map((l) => l.split(',')) }
}

const day = (back) => new Date(Date.now() - back * 86_400_000).toISOString().slice(0, 10)
const together = async (page) => number(await page.locator('.usage tfoot td').nth(1).getAttribute('title'))

async function usage(page) {
  say('adds up any days, and takes them home')
  const [from, to] = [day(9), day(3)]
  await open(page, '/tokens?view=usage', 'Tokens')
  await page.locator('.usage tfoot').waitFor({ timeout: patience })
  await page.getByLabel('From').fill(from)
  await page.getByLabel('To, included').fill(to)
  await page.getByRole('combobox', { name: 'Added up by' }).selectOption('agent')
  await until('the address of the question', () => page.url().includes(`from=${from}`) && page.url().includes('by=agent'))
  const truth = await ask(page, 'token.usage', { by: 'agent', since: from, until: day(2) })
  await until('the sum of the ledger', async () => (await together(page)) === truth.sum.total)
  want(truth.sum.total > 0, 'there is nothing to add up')
  const csv = await save(page, 'CSV')
  want(csv.name === `usage-by-agent-${from}-${to}.csv`, `the file is named ${csv.name}`)
  const column = csv.head.indexOf('total')
  want(csv.lines.length === truth.rows.length && csv.lines.reduce((sum, l) => sum + Number(l[column]), 0) === truth.sum.total, 'the file does not add up to what the ledger says')

  say('narrows down to one agent, by the row')
  const first = truth.rows.toSorted((a, b) => b.total - a.total)[0]
  await page.locator('.usage tbody').getByRole('button', { name: first.name, exact: true }).click()
  await page.locator('.chip', { hasText: first.name }).waitFor()
  if (real) await until('only that agent', async () => (await together(page)) === first.total)
  await judge(page, 'usage of one agent')
  await page.reload()
  await page.locator('.chip', { hasText: first.name }).waitFor({ timeout: patience })
  await page.getByRole('button', { name: `No longer only agent ${first.name}` }).click()
  await page.locator('.chip').waitFor({ state: 'detached' })
  await page.getByRole('button', { name: 'Cost' }).click()
  await until('sorted', async () => (await page.locator('th[aria-sort="descending"]').textContent())?.startsWith('Cost'))
  await page.getByLabel('From').fill(day(1))
  await page.getByText('it ends before it begins').waitFor()
  await page.getByRole('button', { name: 'Today', exact: true }).click()
  await until('today', () => page.url().includes(`from=${day(0)}`))
}

async function failing(page) {
  say('says what failed, and tries again')
  await page.route('**/api/v1/token/usage', (route) => route.fulfill({ status: 500, contentType: 'application/problem+json', body: JSON.stringify({ status: 500, title: 'Internal Server Error', code: 'failed', detail: 'cannot read the ledger: the disk is full' }) }))
  await open(page, '/tokens?view=usage&by=key', 'Tokens')
  await page.locator('.trouble-card', { hasText: 'the disk is full' }).waitFor({ timeout: patience })
  await judge(page, 'usage that fails')
  await page.unroute('**/api/v1/token/usage')
  await page.getByRole('button', { name: 'Try again' }).click()
  await page.locator('.usage tfoot').waitFor({ timeout: patience })

  say('keeps what was written when a request fails')
  await open(page, '/tokens?view=budgets', 'Tokens')
  await page.route('**/api/v1/budget/set', (route) => route.abort())
  await page.getByRole('button', { name: 'Set a budget' }).click()
  const field = dialog(page).getByRole('textbox', { name: 'Tokens a month' })
  await field.fill('9,000,000,000')
  await dialog(page).getByRole('button', { name: 'Set', exact: true }).click()
  await dialog(page).locator('.trouble-card', { hasText: 'The house does not answer' }).waitFor({ timeout: patience })
  want((await field.inputValue()) === '9,000,000,000', 'what was written is lost')
  await page.unroute('**/api/v1/budget/set')
  await dialog(page).getByRole('button', { name: 'Set', exact: true }).click()
  await dialog(page).waitFor({ state: 'detached' })
  const line = page.locator('.budget-report tbody tr', { hasText: 'tokens a month' })
  await until('the report', async () => (await line.textContent())?.includes('to the token'))
  const [activity, archived, counted, quota, reserved, left] = (await line.locator('td.right').allTextContents()).map(number)
  want(activity - archived === counted && quota - counted - reserved === left, `the report does not add up: ${activity} ${archived} ${counted} ${quota} ${reserved} ${left}`)

  say('takes one of two limits away')
  await page.getByRole('button', { name: 'Change the budgets of house' }).click()
  want((await field.getAttribute('placeholder')) === 'now 9,000,000,000', 'the limit that stands is not shown')
  await dialog(page).getByRole('textbox', { name: 'Tokens a week' }).fill('8000000000')
  await dialog(page).getByRole('button', { name: 'Set', exact: true }).click()
  await dialog(page).waitFor({ state: 'detached' })
  await page.getByRole('button', { name: 'Remove tokens a month of house' }).click()
  await dialog(page).getByRole('button', { name: 'Take away' }).click()
  await page.locator('[data-budget="house tokens_per_month"]').waitFor({ state: 'detached' })
  want((await page.locator('[data-budget="house tokens_per_week"]').count()) === 1, 'the other limit went too')
  await closeToasts(page)
}

async function sessions(page) {
  say('pages through sessions and calls')
  await open(page, '/tokens?view=sessions', 'Tokens')
  await page.getByRole('group', { name: 'Active since' }).getByRole('button', { name: '30 days' }).click()
  const card = page.locator('.sessions-card')
  const names = () => card.locator('.session-name').allTextContents()
  const pager = card.getByRole('navigation', { name: 'Pages of sessions' })
  await until('many sessions', async () => /^1 – 25 of 250 and more$/.test((await pager.locator('[role="status"]').textContent()) ?? ''))
  const seen = new Set(await names())
  for (let i = 0; i < 12; i++) {
    const before = (await names())[0]
    await pager.getByRole('button', { name: 'The next page' }).click()
    await until('the next page', async () => (await names())[0] !== before && (await card.locator('tbody tr').count()) <= 25)
    for (const name of await names()) seen.add(name)
  }
  want(seen.size > 300, `${seen.size} sessions are seen on 13 pages`)
  await judge(page, 'sessions')

  say('looks at a call whole')
  await page.locator('table.calls tbody').getByRole('button').first().click()
  const drawer = page.getByRole('dialog')
  await drawer.getByText('Counted by').waitFor({ timeout: patience })
  await judge(page, 'a call, whole')
  await page.keyboard.press('Escape')
  await drawer.waitFor({ state: 'detached' })
  await page.getByRole('combobox', { name: 'How they ended' }).selectOption('halted')
  await page.locator('.calls-card').getByText(/No such call|halted/).last().waitFor()
}

async function call(key) {
  const answer = await fetch(`${house.api}/v1/chat/completions`, { method: 'POST', headers: { Authorization: `Bearer ${key}`, 'Content-Type': 'application/json' }, body: JSON.stringify({ model: 'chat', messages: [{ role: 'user', content: 'hello' }] }) })
  return answer
}

async function opens(key, otherwise) {
  const answer = await call(key)
  want(answer.ok, `${otherwise}: ${answer.status} ${await answer.text()}`)
}

async function oneKey(page) {
  say('makes a key with a budget, and halts it alone')
  await open(page, '/keys', 'Keys')
  await page.getByRole('button', { name: 'New key' }).click()
  await dialog(page).getByRole('textbox', { name: 'Name' }).fill('burner')
  await dialog(page).getByRole('textbox', { name: 'May spend, tokens a day' }).fill('much')
  await dialog(page).getByRole('button', { name: 'Make the key' }).click()
  await dialog(page).getByText('a whole number of tokens').waitFor()
  await dialog(page).getByRole('textbox', { name: 'May spend, tokens a day' }).fill('500,000')
  await dialog(page).getByRole('button', { name: 'Make the key' }).click()
  await dialog(page).getByText('never again').waitFor({ timeout: patience })
  const key = await dialog(page).locator('pre').first().textContent()
  await dialog(page).getByRole('button', { name: 'I have kept it' }).click()
  await until('the budget of the key', async () => ((await page.locator('tr[data-key="burner"]').textContent()) ?? '').includes('of 500,000 tokens a day'))
  if (real) await opens(key, 'the new key opens nothing')

  await open(page, '/tokens?view=breaker', 'Tokens')
  await page.getByRole('button', { name: 'Halt one' }).click()
  await dialog(page).getByRole('button', { name: 'Halt now' }).click()
  await dialog(page).getByText('which key?').waitFor()
  await dialog(page).getByRole('combobox', { name: 'Name of the key' }).fill('burner')
  await dialog(page).getByRole('textbox', { name: 'Reason' }).fill('it burns')
  await judge(page, 'halting one key')
  await dialog(page).getByRole('button', { name: 'Halt now' }).click()
  const row = page.locator('tr[data-scope="key:burner"]')
  await until('the key halted', async () => (await row.locator('.badge').textContent()) === 'halted')
  if (real) want((await call(key)).status === 503 && (await call(house.key)).ok, 'the HALT of one key is not its alone')
  want((await page.locator('.halt-banner').count()) === 0, 'the HALT of a key is told as the house\'s')

  say('gives it caps, and resumes it, as the owner')
  await page.getByRole('button', { name: 'Change the caps of key:burner' }).click()
  await dialog(page).getByRole('textbox', { name: 'Tokens in a sliding hour' }).fill('200,000')
  const command = dialog(page).locator('pre')
  want((await command.textContent()) === 'holdfast breaker thresholds set --scope key:burner --hard-cap-per-hour 200000', `the owner's command reads ${await command.textContent()}`)
  await judge(page, 'caps of one key')
  await dialog(page).getByRole('button', { name: 'Change', exact: true }).click()
  if (real) {
    await dialog(page).locator('.trouble-card', { hasText: 'Refused by guard tier' }).waitFor({ timeout: patience })
    await owner(...(await command.textContent()).split(' ').slice(1))
    await dialog(page).getByRole('button', { name: 'Cancel' }).click()
  }
  await until('its cap', async () => ((await row.textContent()) ?? '').includes('of 200k'), 2 * patience)
  await page.locator('.change', { hasText: 'keys burner hard_cap_per_hour: none → 200,000' }).first().waitFor({ timeout: patience })
  await page.getByRole('button', { name: 'Resume key:burner' }).click()
  want((await dialog(page).locator('pre').textContent()) === 'holdfast breaker resume key:burner', 'the owner\'s command is not shown')
  if (real) {
    await dialog(page).getByRole('button', { name: 'Cancel' }).click()
    await owner('breaker', 'resume', 'key:burner')
  } else await dialog(page).getByRole('button', { name: 'Resume' }).click()
  await until('the key armed, without a reload', async () => (await row.locator('.badge').textContent()) === 'armed', 2 * patience)
  if (real) await opens(key, 'the key is armed and refused')
}

async function lines(page) {
  say('changes the lines of the house, as the owner')
  await page.getByRole('button', { name: 'Change the lines' }).click()
  await dialog(page).getByRole('textbox', { name: 'Warns at, in percent' }).fill('lots')
  await dialog(page).getByRole('button', { name: 'Change', exact: true }).click()
  await dialog(page).getByText('a percentage, such as 80').waitFor()
  await dialog(page).getByRole('textbox', { name: 'Warns at, in percent' }).fill('70')
  if (real) await owner(...(await dialog(page).locator('pre').textContent()).split(' ').slice(1))
  else await dialog(page).getByRole('button', { name: 'Change', exact: true }).click()
  if (real) await dialog(page).getByRole('button', { name: 'Cancel' }).click()
  await until('the line', async () => ((await page.locator('.card', { hasText: 'By which lines' }).last().textContent()) ?? '').includes('70 %'), 2 * patience)
  await closeToasts(page)
}

async function halted(page) {
  say('works while HALT stands')
  await ask(page, 'breaker.halt', { reason: 'a drill of the pages' })
  const banner = page.locator('.halt-banner')
  for (const [path, title] of [['/models', 'Models'], ['/tokens?view=usage', 'Tokens'], ['/tokens?view=sessions', 'Tokens'], ['/tokens?view=budgets', 'Tokens'], ['/keys', 'Keys'], ['/journal', 'Journal']]) {
    await open(page, path, title)
    await banner.getByText('a drill of the pages').waitFor({ timeout: patience })
    await until('no skeleton', async () => (await page.locator('.skeleton').count()) === 0)
    want((await page.locator('.trouble-card').count()) === 0, `${path} is in trouble while HALT stands`)
    await judge(page, `${path} while HALT stands`)
  }
  if (real) {
    await open(page, '/models', 'Models')
    await page.getByRole('textbox', { name: 'Message' }).fill('hello')
    await page.keyboard.press('Enter')
    await page.locator('.exchange .trouble-card', { hasText: 'The breaker stands at HALT' }).waitFor({ timeout: patience })
    await owner('breaker', 'resume')
    await until('the banner to go, without a reload', async () => (await banner.count()) === 0, 2 * patience)
    await page.getByRole('button', { name: 'Ask again' }).click()
    await until('an answer', async () => (await page.locator('.exchange').last().getAttribute('data-state')) === 'done')
    want((await page.locator('.exchange').count()) === 1, 'what is asked again stands twice')
    await until('what it cost', async () => ((await page.locator('.served-cost').last().textContent()) ?? '').startsWith('$0'))
  } else await ask(page, 'breaker.resume', {})
}

async function drill(page) {
  say('drills a failure and calls through it')
  await open(page, '/models', 'Models')
  await page.getByRole('combobox', { name: 'Fault' }).selectOption('500')
  await page.getByRole('button', { name: 'Rehearse', exact: true }).click()
  await page.getByRole('button', { name: 'Send a call to chat' }).click({ timeout: patience })
  const last = page.locator('.exchange').last()
  await until('the fallback answers', async () => (await last.locator('.served .badge').allTextContents()).includes('fallback 1'))
  if (real) want(/^asked chat/.test((await last.locator('.served').textContent()) ?? ''), 'what was asked is not told')
  await judge(page, 'a drill')
  await page.getByRole('button', { name: 'End the rehearsal of chat' }).click()
  await toast(page, 'The rehearsal is over')
  await closeToasts(page)
}

await tell('the burn is seen in depth', async (page) => {
  await login(page)
  await chart(page)
  await usage(page)
  await failing(page)
  await sessions(page)
  await oneKey(page)
  await lines(page)
  await halted(page)
  await drill(page)
  await look(page, { usage: ['/tokens?view=usage', 'Tokens'], agents: ['/tokens?view=usage&by=agent', 'Tokens'], breaker: ['/tokens?view=breaker', 'Tokens'], keys: ['/keys', 'Keys'], sessions: ['/tokens?view=sessions', 'Tokens'] })
})
