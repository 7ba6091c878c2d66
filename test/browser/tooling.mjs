// SPDX-License-Identifier: Apache-2.0
// Tools and agents in a real browser: a thousand tools of one extension, whose descriptions lie; what a request
// to an agent did, along a line of time; a call that an agent may not make by itself, allowed by a person.
// See hub.mjs for the environment.
import { closeToasts, env, house, judge, login, look, open, patience, say, sizes, tell, toast, until, want } from './story.mjs'

/** Only what is in sight is in the document. */
async function small(page, rows, where) {
  const there = await rows.count()
  want(there > 3 && there < 80, `${where}: ${there} rows in the document`)
}

async function tools(page) {
  say('shows a thousand tools with few rows')
  await open(page, '/tools', 'Tools')
  const rows = page.locator('.tool-line')
  await rows.first().waitFor({ timeout: patience })
  await until('all of them', async () => Number(/([\d,]+) tools/.exec(await page.locator('.filters [role=status]').textContent())?.[1].replace(',', '')) >= 1_000)
  await small(page, rows, 'the top')
  await page.evaluate(() => window.scrollTo(0, document.documentElement.scrollHeight))
  await until('the last ones', async () => (await page.locator('.tool-name').last().textContent()) !== (await page.locator('.tool-name').first().textContent()) && (await page.evaluate(() => window.scrollY)) > 20_000)
  await small(page, rows, 'the end')
  await page.getByRole('searchbox', { name: 'Find a tool' }).fill('weather_now')
  await until('one', async () => (await rows.count()) === 1)
  await page.evaluate(() => window.scrollTo(0, 0))
}

async function lies(page) {
  say('shows what a description hides, and obeys none of it')
  await page.locator('.tool-line').first().click()
  const drawer = page.getByRole('dialog')
  await drawer.locator('.unseen', { hasText: 'hidden: ' }).first().waitFor({ timeout: patience })
  const said = await drawer.locator('.docs').textContent()
  want(said.includes('<img src=x'), `markup is not shown as text: ${said.slice(0, 400)}`)
  want(said.includes('⟨U+202E⟩') && !said.includes('\u202e'), 'text is turned')
  want(said.length < 6_000, `the description takes ${said.length} characters`)
  want((await drawer.locator('img').count()) === 0 && (await page.evaluate(() => document.title)).startsWith('Tools'), 'the description was obeyed')
  await judge(page, 'a tool that lies')
  await page.keyboard.press('Escape')
}

/** Asks the passthrough agent something, as a program does; the starter home's rehearsal model plans it. */
async function ask(content) {
  if (!env.HOLDFAST_URL) return
  const answer = await fetch(`${house.api}/v1/chat/completions`, {
    method: 'POST', headers: { Authorization: `Bearer ${house.key}`, 'Content-Type': 'application/json' },
    body: JSON.stringify({ model: 'passthrough_agent', messages: [{ role: 'user', content }] }),
  })
  want(answer.ok, `the agent answers ${answer.status}: ${await answer.text()}`)
}

async function traces(page) {
  say('tells what a request to an agent did')
  await ask('What are my notes?')
  await open(page, '/agents?view=traces', 'Agents')
  const rows = page.locator('table.traces tbody tr')
  await rows.first().waitFor({ timeout: patience })
  want((await rows.count()) <= 50, `${await rows.count()} traces on one page`)
  await rows.filter({ hasText: 'done' }).first().getByRole('button').click()
  const bars = page.getByRole('dialog').locator('.timeline li')
  await until('a line of time', async () => (await bars.count()) >= 2)
  const tool = page.locator('.timeline .is-tool').first()
  await tool.getByRole('button').focus()
  await page.keyboard.press('Enter')
  await tool.locator('.timeline-behind').getByText(/Arguments|waits for an answer/).waitFor()
  const inside = await bars.evaluateAll((list) => list.every((li) => {
    const [way, bar] = [li.querySelector('.timeline-way').getBoundingClientRect(), li.querySelector('.timeline-way b').getBoundingClientRect()]
    return bar.width > 0 && bar.left >= way.left - 1 && bar.left < way.right + 12
  }))
  want(inside, 'a bar stands outside its line')
  await judge(page, 'a trace')
  if (env.SHOTS) await page.screenshot({ path: `${env.SHOTS}/trace.png` })
  await page.setViewportSize(sizes.phone)
  await judge(page, 'a trace, phone')
  await page.setViewportSize(sizes.desktop)
  await page.keyboard.press('Escape')
}

async function approvals(page) {
  say('allows a call that an agent may not make by itself')
  await ask('Remember that the password is hunter3')
  await open(page, '/approvals?kind=tool', 'Approvals')
  const call = page.locator('.approval').filter({ hasText: 'wants to call' }).first()
  await call.waitFor({ timeout: patience })
  await call.getByText('expires', { exact: false }).first().waitFor()
  await judge(page, 'approval of a call')
  if (env.SHOTS) await page.screenshot({ path: `${env.SHOTS}/approval-call.png` })
  await call.getByRole('button', { name: 'Allow the call' }).click()
  await toast(page, 'Allowed')
  await page.getByText('Nothing waits').waitFor({ timeout: patience })
  await closeToasts(page)
  await page.getByRole('button', { name: 'All', exact: true }).click() // waiting or not, and of this kind still
  await page.locator('.approval').filter({ hasText: 'allowed' }).first().waitFor({ timeout: patience })
}

/** A program makes itself known under a name that lies; being known opens nothing. */
async function clients(page) {
  say('lists the clients that made themselves known, and forgets one')
  if (env.HOLDFAST_URL) {
    const answer = await fetch(`${house.url}/api/register`, {
      method: 'POST', headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify({ client_name: 'Good Client live', redirect_uris: ['http://127.0.0.1:1/callback'] }),
    })
    want(answer.status === 201, `the registration answers ${answer.status}: ${await answer.text()}`)
  }
  await open(page, '/clients', 'Clients')
  const row = page.locator('table.clients tbody tr').filter({ hasText: 'Good Client' }).first()
  await row.waitFor({ timeout: patience })
  await judge(page, 'clients')
  const before = await page.locator('table.clients tbody tr').count()
  await row.getByRole('button', { name: /^Forget/ }).click()
  const question = page.getByRole('alertdialog')
  await question.getByRole('button', { name: 'Forget it' }).click()
  await toast(page, 'is forgotten')
  await until('one fewer', async () => (await page.locator('table.clients tbody tr').count()) === before - 1)
  await closeToasts(page)
}

const pages = {
  'many-tools': ['/tools', 'Tools'], sources: ['/tools?view=sources', 'Tools'], 'tool-lies': ['/tools?tool=weather_now', 'Tools'],
  agents: ['/agents', 'Agents'], traces: ['/agents?view=traces', 'Agents'], skills: ['/agents?view=skills', 'Agents'], clients: ['/clients?show=ended', 'Clients'], 'approvals-all': ['/approvals?state=all', 'Approvals'],
}

await tell('tools and agents hold', async (page) => {
  await login(page)
  await tools(page)
  await lies(page)
  await traces(page)
  await approvals(page)
  await clients(page)
  await look(page, pages)
})
