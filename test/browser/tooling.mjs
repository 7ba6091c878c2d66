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

/** A tool whose words could steer a model is withheld until a person has looked at it. */
async function accept(page) {
  say('withholds a tool until a person accepts it')
  await open(page, '/tools', 'Tools')
  await page.getByRole('button', { name: /^Withheld/ }).click()
  const rows = page.locator('.tool-line')
  await until('only those withheld', async () => (await rows.count()) > 0 && (await rows.count()) < 5)
  await rows.filter({ hasText: 'weather_now' }).click()
  const drawer = page.getByRole('dialog')
  await drawer.locator('.withheld .note').first().waitFor({ timeout: patience })
  want((await drawer.locator('form.try').count()) === 0, 'a withheld tool can be tried')
  await judge(page, 'a withheld tool')
  if (env.SHOTS) await page.screenshot({ path: `${env.SHOTS}/withheld.png` })
  await drawer.getByRole('button', { name: 'Accept as it is now' }).click()
  await page.getByRole('alertdialog').getByRole('button', { name: 'Accept', exact: true }).click()
  await toast(page, 'is accepted')
  await drawer.locator('form.try').waitFor({ timeout: patience })
  say('switches it')
  const passthrough = drawer.getByRole('switch', { name: /^Passthrough/ })
  const before = await passthrough.getAttribute('aria-checked')
  await passthrough.click()
  await until('the other way', async () => (await passthrough.getAttribute('aria-checked')) !== before)
  await passthrough.click()
  await until('as it was', async () => (await passthrough.getAttribute('aria-checked')) === before)
  await closeToasts(page)
  await page.keyboard.press('Escape')
}

/** A hub of two tools, whose key is shown once. */
async function hub(page) {
  say('makes a hub of two tools, and its key once')
  await open(page, '/tools?view=hubs', 'Tools')
  await page.getByRole('button', { name: 'New hub' }).click()
  const form = page.getByRole('alertdialog')
  await form.getByLabel('Name').fill('pair')
  await form.getByRole('button', { name: 'Only those picked' }).click()
  await small(page, form.locator('.picker-rows li'), 'the picker')
  const find = form.getByRole('searchbox', { name: 'Find a tool' })
  // Only those picked begins with all that there are: a hub of two is picked from none.
  await form.getByRole('button', { name: 'None' }).click()
  for (const name of ['echo', 'notes_add'].map((n) => (env.HOLDFAST_URL ? { echo: 'NOTES_add', notes_add: 'NOTES_list' }[n] : n))) {
    await find.fill(name)
    await form.locator('.picker-rows li').filter({ has: page.getByText(name, { exact: true }) }).getByRole('checkbox').check()
  }
  await find.fill('')
  await form.getByText(/^2 of/).waitFor({ timeout: patience })
  await judge(page, 'a new hub')
  if (env.SHOTS) await page.screenshot({ path: `${env.SHOTS}/new-hub.png` })
  await form.getByRole('button', { name: 'Make the hub' }).click()
  const card = page.locator('.hub-card').filter({ hasText: '/mcp/pair' })
  await card.getByText('2 tools offered').waitFor({ timeout: patience })
  await card.getByRole('button', { name: /^Make a key/ }).click()
  const once = page.getByRole('alertdialog')
  const key = await once.getByLabel('The key', { exact: true }).textContent()
  want(key.startsWith('sk-'), `the key is ${key}`)
  await once.getByRole('button', { name: 'I have kept it' }).click()
  await card.getByText('key in .env').waitFor({ timeout: patience })
  want(!(await page.content()).includes(key), 'the key stays in the page')
  if (env.HOLDFAST_URL) {
    const answer = await fetch(`${house.url}/mcp/pair`, {
      method: 'POST', headers: { Authorization: `Bearer ${key}`, 'Content-Type': 'application/json', Accept: 'application/json, text/event-stream' },
      body: JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'initialize', params: { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 'story', version: '1' } } }),
    })
    want(answer.ok, `the hub answers its key with ${answer.status}: ${await answer.text()}`)
  }
  await card.getByRole('switch').click()
  await card.getByText('Off', { exact: false }).first().waitFor({ timeout: patience })
  await closeToasts(page)
  await judge(page, 'hubs')
}

/** Asks the passthrough agent something, as a program does; the starter home's rehearsal model plans it. */
async function ask(content, model = 'passthrough_agent') {
  if (!env.HOLDFAST_URL) return
  const answer = await fetch(`${house.api}/v1/chat/completions`, {
    method: 'POST', headers: { Authorization: `Bearer ${house.key}`, 'Content-Type': 'application/json' },
    body: JSON.stringify({ model, messages: [{ role: 'user', content }] }),
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
  const done = rows.filter({ hasText: 'done' }).first()
  want(/^[1-9]\d* \+ [1-9]/.test(await done.locator('[data-label=Calls]').textContent()), 'a listed trace does not tell its calls')
  const broken = await page.locator('.trace-agent strong').evaluateAll((all) => all.filter((e) => e.getClientRects().length > 1).length)
  want(broken === 0, `${broken} names of agents are broken though there is room`)
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
  await ask(`Remember that ${'the plants want water and '.repeat(12)}the last word is hunter3`)
  await open(page, '/approvals?kind=tool', 'Approvals')
  const call = page.locator('.approval').filter({ hasText: 'wants to call' }).first()
  await call.waitFor({ timeout: patience })
  await call.getByText('expires', { exact: false }).first().waitFor()
  await judge(page, 'approval of a call')
  if (env.SHOTS) await page.screenshot({ path: `${env.SHOTS}/approval-call.png` })
  await page.setViewportSize(sizes.phone)
  const [head, card] = await Promise.all(['.approval-ask', '.approval-head'].map((part) => call.locator(part).evaluate((e) => e.getBoundingClientRect().width)))
  want(head >= card - 1, `what is asked has ${head} of ${card} px on a phone`)
  await judge(page, 'approval of a call, phone')
  await page.setViewportSize(sizes.desktop)
  if (env.HOLDFAST_URL) {
    want(!(await call.innerText()).includes('hunter3'), 'the list shows a long call whole')
    await call.getByRole('button', { name: 'Show the whole' }).click()
    await call.getByText('the last word is hunter3', { exact: false }).waitFor({ timeout: patience })
    want(!(await call.innerText()).includes('not all of it'), 'what is shown whole is said to be cut')
  }
  await call.getByRole('button', { name: 'Allow the call' }).click()
  await toast(page, 'Allowed')
  await page.getByText('Nothing waits').waitFor({ timeout: patience })
  await closeToasts(page)
  await page.getByRole('button', { name: 'All', exact: true }).click() // waiting or not, and of this kind still
  await page.locator('.approval').filter({ hasText: 'allowed' }).first().waitFor({ timeout: patience })
}

/** An agent of one's own: a prompt, a tool, bounds; and all that is to know of it on one page. */
async function preset(page) {
  say('makes a preset of one tool, and reads its page')
  const tool = env.HOLDFAST_URL ? 'NOTES_list' : 'echo'
  await open(page, '/agents?view=presets', 'Agents')
  await page.getByRole('button', { name: 'New preset' }).click()
  const form = page.getByRole('alertdialog')
  await form.getByLabel('Name').fill('1st')
  await form.getByRole('button', { name: 'Make the preset' }).click()
  await form.getByText('beginning with a letter').waitFor()
  await form.getByLabel('Name').fill('keeper')
  await form.getByLabel('What it is told first').fill('You keep the notes.')
  await form.getByLabel('Model calls a request').fill('3')
  await form.getByRole('button', { name: 'Only those picked' }).click()
  await form.getByRole('button', { name: 'None' }).click()
  await form.getByRole('searchbox', { name: 'Find a tool' }).fill(tool)
  const row = form.locator('.picker-rows li').filter({ has: page.getByText(tool, { exact: true }) })
  await row.getByRole('checkbox').first().check()
  await row.getByRole('checkbox', { name: 'unasked' }).check()
  await judge(page, 'a new preset')
  if (env.SHOTS) await page.screenshot({ path: `${env.SHOTS}/new-preset.png` })
  await form.getByRole('button', { name: 'Make the preset' }).click()
  await page.locator('.card').filter({ hasText: 'keeper' }).getByText('1 tool').waitFor({ timeout: patience })
  await closeToasts(page)
  await page.getByRole('button', { name: 'keeper', exact: true }).click()
  const drawer = page.getByRole('dialog')
  for (const part of ['Budget', 'Secrets', 'Sandbox', 'What it may do']) await drawer.getByRole('heading', { name: part, exact: true }).waitFor({ timeout: patience })
  await drawer.getByText('3 model calls').waitFor()
  want((await drawer.locator('.may li').count()) === 1, 'it may do something else')
  await judge(page, 'one agent')
  if (env.SHOTS) await page.screenshot({ path: `${env.SHOTS}/agent.png` })
  await page.keyboard.press('Escape')
  if (env.HOLDFAST_URL) {
    await ask('What are my notes?', 'keeper')
    await open(page, '/agents?view=traces&agent=keeper', 'Agents')
    await page.locator('table.traces tbody tr').filter({ hasText: 'keeper' }).first().waitFor({ timeout: patience })
  }
}

/** A server elsewhere, which is not there: it is listed with what is wrong, and taken away. */
async function remote(page) {
  say('adds a remote server, and takes it away')
  await open(page, '/tools?view=remotes', 'Tools')
  await page.getByRole('button', { name: 'Add a server' }).click()
  const form = page.getByRole('alertdialog')
  if (env.HOLDFAST_URL) {
    await form.getByLabel('Address').fill('ftp://nowhere')
    await form.getByRole('button', { name: 'Add', exact: true }).click()
    await form.getByRole('alert').filter({ hasText: 'http' }).waitFor({ timeout: patience })
    want((await form.getByRole('alert').count()) === 1, 'what is wrong with an address is told twice')
  }
  await form.getByLabel('Address').fill('http://127.0.0.1:9/mcp')
  await form.getByLabel('Name').fill('nowhere')
  await judge(page, 'a new remote server')
  await form.getByRole('button', { name: 'Add', exact: true }).click()
  const card = page.locator('.hub-card').filter({ hasText: 'nowhere' })
  await card.waitFor({ timeout: patience })
  await closeToasts(page)
  await card.getByRole('button', { name: 'Take nowhere away' }).click()
  await page.getByRole('alertdialog').getByRole('button', { name: 'Take it away' }).click()
  await card.waitFor({ state: 'detached', timeout: patience })
  await closeToasts(page)
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
  'many-tools': ['/tools', 'Tools'], sources: ['/tools?view=sources', 'Tools'], hubs: ['/tools?view=hubs', 'Tools'], offers: ['/tools?view=offers', 'Tools'], 'tool-lies': ['/tools?tool=weather_now', 'Tools'],
  agents: ['/agents', 'Agents'], traces: ['/agents?view=traces', 'Agents'], 'agent-page': ['/agents?agent=passthrough_agent', 'Agents'], presets: ['/agents?view=presets', 'Agents'], skills: ['/agents?view=skills', 'Agents'], remotes: ['/tools?view=remotes', 'Tools'], clients: ['/clients?show=ended', 'Clients'], 'approvals-all': ['/approvals?state=all', 'Approvals'],
}

await tell('tools and agents hold', async (page) => {
  await login(page)
  await tools(page)
  await lies(page)
  await accept(page)
  await hub(page)
  await traces(page)
  await approvals(page)
  await preset(page)
  await remote(page)
  await clients(page)
  await look(page, pages)
})
