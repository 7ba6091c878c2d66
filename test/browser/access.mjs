// SPDX-License-Identifier: Apache-2.0
// Access in a real browser: a published MCP client is let in by a person on the consent page, is listed in the Hub and
// ended there; a tool that changes while the house runs is withheld, shown with what changed, and accepted; and the
// house itself is authorized at a remote server, which is a second house. Needs real houses: see browser_test.go.
import { execFile, spawn } from 'node:child_process'
import { readFile, writeFile } from 'node:fs/promises'
import { createInterface } from 'node:readline'
import { promisify } from 'node:util'
import { closeToasts, env, everyWay, house, judge, login, open, patience, say, sizes, tell, toast, until, want } from './story.mjs'

const holdfast = async (...args) => (await promisify(execFile)(env.HOLDFAST_BIN, ['--home', env.HOLDFAST_HOME, ...args])).stdout

/** A published client, which says a line of JSON for each thing it is told. */
function dancer() {
  const child = spawn(process.execPath, [env.HOLDFAST_CLIENT, 'v2', `${house.url}/api/mcp`], { stdio: ['pipe', 'pipe', 'inherit'] })
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
  return {
    tell: (line) => child.stdin.write(`${line}\n`),
    hear: async () => {
      const { value } = await lines.next()
      want(value, 'the client ended')
      return JSON.parse(value)
    },
    end: () => child.kill(),
  }
}

async function letIn(context, client) {
  say('asks the person on the consent page')
  const { authorize } = await client.hear()
  want(authorize?.startsWith(`${house.url}/api/authorize?`), `the client asks at ${authorize}`)
  const page = await context.newPage()
  await page.goto(authorize)
  await page.getByRole('heading', { name: 'Allow access?' }).waitFor({ timeout: patience })
  await page.getByText('Dancer v2').waitFor()
  await everyWay(page, 'consent')
  await page.locator('summary').click()
  await page.getByText('ACCESS_greet').waitFor()
  await judge(page, 'consent with its tools')
  const back = page.waitForRequest((request) => request.url().startsWith('http://127.0.0.1:43210/callback'))
  await page.getByRole('button', { name: 'Allow', exact: true }).click()
  client.tell((await back).url())
  await page.close()
  const { tools, token } = await client.hear()
  want(token?.startsWith('hfa_') && tools.includes('ACCESS_greet'), `the client has ${token} and finds ${tools}`)
}

async function revoke(page, client) {
  say('lists the grant in the Hub, and ends it there')
  await open(page, '/clients', 'Clients')
  const row = page.locator('table.grants tbody tr').filter({ hasText: 'Dancer v2' })
  await row.getByText('tools:call').waitFor({ timeout: patience })
  await judge(page, 'a grant')
  if (env.SHOTS) await page.screenshot({ path: `${env.SHOTS}/grant.png` })
  await row.getByRole('button', { name: /^Revoke/ }).click()
  await page.getByRole('alertdialog').getByRole('button', { name: 'End it' }).click()
  await toast(page, 'is ended')
  await row.waitFor({ state: 'detached', timeout: patience })
  await closeToasts(page)
  await page.getByRole('button', { name: 'With ended' }).click()
  await row.getByText('ended', { exact: true }).waitFor({ timeout: patience })
  client.tell('again')
  const after = await client.hear()
  want(after.authorize && !after.tools, `after the end the client has ${JSON.stringify(after)}`)
}

async function accept(page) {
  say('withholds a tool that changed, shows what, and accepts it')
  const file = `${env.HOLDFAST_HOME}/extensions/access/tools/access_tools.py`
  const text = await readFile(file, 'utf8')
  await writeFile(file, text.replace('Greets somebody by name.', 'Greets somebody by name and keeps the name.'))
  await holdfast('tool', 'restart', 'access')
  const called = async () => {
    try {
      return await holdfast('tool', 'call', 'ACCESS_greet', '{"name": "Ada"}')
    } catch (err) {
      return String(err.stderr)
    }
  }
  await until('it is withheld', async () => (await called()).includes('until a person accepts it'))
  await open(page, '/tools?tool=ACCESS_greet', 'Tools')
  const drawer = page.getByRole('dialog')
  const change = drawer.locator('.withheld')
  await change.locator('ins').waitFor({ timeout: patience })
  want((await change.locator('ins').allTextContents()).join('').includes('keeps the name'), 'what was added is not marked')
  want((await drawer.getByText('is not offered until').count()) === 0, 'why it is withheld is told twice')
  await judge(page, 'a changed tool')
  if (env.SHOTS) await page.screenshot({ path: `${env.SHOTS}/changed.png` })
  await drawer.getByRole('button', { name: /^Accept as it is now/ }).click()
  await page.getByRole('alertdialog').getByRole('button', { name: 'Accept', exact: true }).click()
  await toast(page, 'is accepted')
  await drawer.locator('form.try').waitFor({ timeout: patience })
  want((await called()).includes('Hello Ada'), `an accepted tool is not called: ${await called()}`)
  await closeToasts(page)
  await page.keyboard.press('Escape')
}

async function authorize(page, context) {
  say('authorizes the house at a remote server')
  await open(page, '/tools?view=remotes', 'Tools')
  await page.getByRole('button', { name: 'Add a server' }).click()
  const form = page.getByRole('alertdialog')
  await form.getByLabel('Address').fill(`${env.HOLDFAST_SECOND_URL}/api/mcp`)
  await form.getByLabel('Name').fill('neighbour')
  await form.getByRole('switch', { name: /^It wants a person/ }).click()
  await form.getByRole('button', { name: 'Add', exact: true }).click()
  const card = page.locator('.hub-card').filter({ hasText: 'neighbour' })
  await card.getByText('not authorized yet').waitFor({ timeout: patience })
  await closeToasts(page)
  await page.setViewportSize(sizes.phone)
  want((await card.getByRole('heading', { name: 'neighbour' }).locator('bdi').evaluate((e) => e.getClientRects().length)) === 1, 'the name of a server is broken on a phone')
  await judge(page, 'a remote server, phone')
  await page.setViewportSize(sizes.desktop)
  await card.getByRole('button', { name: 'Authorize' }).click()
  const asked = page.getByRole('alertdialog')
  const opened = context.waitForEvent('page')
  await asked.getByRole('link', { name: 'Open that page' }).click({ timeout: patience })
  const there = await opened
  // The neighbour knows nobody in this browser: the person logs in there, and is asked then.
  await there.getByRole('heading', { name: 'Log in' }).waitFor({ timeout: patience })
  await there.goto(env.HOLDFAST_SECOND_LINK)
  await there.getByRole('button', { name: 'Log in' }).click()
  await there.getByRole('button', { name: 'Allow', exact: true }).click({ timeout: patience })
  await there.getByText('has access to neighbour').waitFor({ timeout: patience })
  await everyWay(there, 'authorized')
  await there.close()
  await asked.getByRole('button', { name: 'Close' }).click()
  await card.getByText('authorized', { exact: true }).waitFor({ timeout: patience })
  await until('its tools', async () => /[1-9]\d* tools/.test(await card.textContent()))
  if (env.SHOTS) await page.screenshot({ path: `${env.SHOTS}/remote.png` })
  // The neighbour has a tool of the same name as this house: the house's own extension keeps its name.
  want((await holdfast('tool', 'call', 'neighbour_NOTES_add', '{"text": "from next door"}')).includes('from next door'), 'no call goes there')
  want((await holdfast('tool', 'call', 'NOTES_list')).includes('"count": 0'), 'the call went to this house')
}

await tell('access is given, shown and taken back', async (page, context) => {
  await login(page)
  const client = dancer()
  try {
    await letIn(context, client)
    await revoke(page, client)
  } finally {
    client.end()
  }
  await accept(page)
  await authorize(page, context)
})
