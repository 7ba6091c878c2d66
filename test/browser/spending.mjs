// SPDX-License-Identifier: Apache-2.0
// Models, tokens and keys in a real browser, against a real house whose alias chat has two rehearsal
// models: talk to one and stop it, see the calls counted, let the first fail and see the other answer,
// clear its cooldown, make, use, change, rotate and revoke a key, let calls wait for a budget.
// See hub.mjs for the environment.
import { closeToasts, env, house, judge, login, look, open, patience, say, tell, toast, until, want } from './story.mjs'

const real = Boolean(env.HOLDFAST_URL)
const exchange = (page) => page.locator('.exchange').last()

/** Sends a message and waits until its call has ended; tells how. */
async function talk(page, text) {
  const before = await page.locator('.exchange').count()
  await page.getByRole('textbox', { name: 'Message' }).fill(text)
  await page.keyboard.press('Enter')
  await until('a new exchange', async () => (await page.locator('.exchange').count()) === before + 1)
  await exchange(page).locator('.served').waitFor({ timeout: patience })
  return exchange(page).getAttribute('data-state')
}

async function call(key, model = 'chat') {
  return fetch(`${house.api}/v1/chat/completions`, { method: 'POST', headers: { Authorization: `Bearer ${key}`, 'Content-Type': 'application/json' }, body: JSON.stringify({ model, messages: [{ role: 'user', content: 'hello' }] }) })
}

/** Every page says in words that there is nothing yet. */
async function empty(page) {
  say('looks at a ledger without a call')
  for (const [path, title, text] of [['/tokens', 'Tokens', 'No calls in this time'], ['/tokens?view=usage', 'Tokens', 'No calls in this time'], ['/tokens?view=sessions', 'Tokens', 'No sessions yet'], ['/tokens?view=budgets', 'Tokens', 'No budgets'], ['/tokens?view=breaker', 'Tokens', 'None has caps of its own'], ['/models', 'Models', 'No model rests']]) {
    await open(page, path, title)
    await page.getByText(text).first().waitFor({ timeout: patience })
    want((await page.locator('.trouble-card').count()) === 0, `${path} is in trouble without a call`)
    await judge(page, `${path}, empty`)
  }
  await open(page, '/tokens', 'Tokens')
}

async function playground(page) {
  say('talks to a model, and stops it')
  await open(page, '/models', 'Models')
  await page.locator('tr[data-alias="chat"]').waitFor({ timeout: patience })
  await page.getByRole('textbox', { name: 'Message' }).fill('talk at length')
  await page.getByRole('button', { name: 'Send' }).click()
  await until('the first words', async () => ((await exchange(page).locator('.answer').textContent({ timeout: 1_000 })) ?? '').length > 5)
  await page.getByRole('button', { name: 'Stop' }).click()
  await until('stopped', async () => (await exchange(page).getAttribute('data-state')) === 'stopped')
  const stopped = await exchange(page).locator('.answer').textContent()
  want((await talk(page, 'hello')) === 'done', 'a call does not end well')
  want((await exchange(page).locator('.served .badge').last().textContent()) === 'first choice', 'the first of the chain does not answer')
  want(/^\d+ in.* · \d+ out/.test(await exchange(page).locator('.served-tokens').textContent()), 'the tokens of the answer are not told')
  want((await page.locator('.exchange').first().locator('.answer').textContent()) === stopped, 'a stopped answer went on')
  await judge(page, 'playground')
}

async function counted(page, before) {
  say('sees the calls on Tokens')
  await open(page, '/tokens', 'Tokens')
  await until('two calls more', async () => (await calls(page)) >= before + 2, 2 * patience)
  await page.getByRole('button', { name: 'Sessions' }).click()
  const rows = page.locator('table.calls tbody tr')
  await until('the latest calls', async () => (await rows.count()) >= 2)
  if (real) {
    await rows.filter({ hasText: 'rehearsal/default' }).filter({ hasText: 'ok' }).first().waitFor()
    await until('the stopped call is cancelled', async () => (await rows.filter({ hasText: 'cancelled' }).count()) > 0)
  }
  await page.getByRole('button', { name: 'Prices' }).click()
  await page.getByRole('searchbox', { name: 'Vendor or model' }).fill('claude-opus-4-5')
  await until('a price', async () => (await page.locator('table.prices tbody tr').count()) > 0)
  want(page.url().endsWith('?view=prices'), 'the address does not say which view')
}

async function calls(page) {
  await page.locator('.figures').waitFor({ timeout: patience })
  return Number((await page.locator('.figures li').first().locator('span').last().textContent()).replace(/\D/g, ''))
}

async function fallback(page) {
  say('lets the first model fail, and clears its cooldown')
  await open(page, '/models', 'Models')
  const line = page.locator('tr[data-alias="chat"]')
  await page.getByRole('combobox', { name: 'Fault' }).selectOption('429')
  await page.getByRole('combobox', { name: 'Says: again in' }).selectOption('2m')
  await page.getByRole('button', { name: 'Rehearse', exact: true }).click()
  await page.getByRole('button', { name: 'End the rehearsal of chat' }).waitFor({ timeout: patience })
  want((await talk(page, 'hello')) === 'done', 'nobody answers in place of the first')
  want((await exchange(page).locator('.served .badge').last().textContent()) === 'fallback 1', 'the answer does not say that it fell back')
  await until('chat falls back', async () => ((await line.textContent()) ?? '').includes('falls back'))
  const timer = page.locator('.cooldowns [role="timer"]')
  await until('time left', async () => /^1 min \d+ s$|^2 min/.test((await timer.textContent()) ?? ''))
  await judge(page, 'a cooldown')
  if (env.SHOTS) await page.screenshot({ path: `${env.SHOTS}/cooldown.png`, fullPage: true })
  await page.getByRole('button', { name: /^Clear the cooldown of/ }).click()
  await toast(page, 'may be asked again')
  await page.getByText('No model rests').waitFor({ timeout: patience })
  await until('chat as configured', async () => ((await line.textContent()) ?? '').includes('as configured'))
  await page.getByRole('button', { name: 'End the rehearsal of chat' }).click()
  await toast(page, 'The rehearsal is over')
  want((await talk(page, 'hello')) === 'done', 'the first does not answer again')
  want((await exchange(page).locator('.served .badge').last().textContent()) === 'first choice', 'the first is still left out')
  await closeToasts(page)
}

const keyRow = (page) => page.locator('tr[data-key="browser"]')

/** The value that is shown once; the dialog is closed, and the page must not have it any more. */
async function takeKey(page) {
  const dialog = page.getByRole('alertdialog')
  await dialog.getByText('never again').waitFor({ timeout: patience })
  const value = await dialog.locator('pre').first().textContent()
  want(/^sk-\S{20,}$/.test(value), `the key reads ${value.slice(0, 6)}…`)
  await judge(page, 'a key shown once')
  await page.keyboard.press('Tab')
  await dialog.getByRole('button', { name: 'I have kept it' }).click()
  await dialog.waitFor({ state: 'detached' })
  want(!(await page.content()).includes(value), 'the page still holds the key')
  return value
}

async function keys(page) {
  say('makes a key')
  await open(page, '/keys', 'Keys')
  await page.getByRole('button', { name: 'New key' }).click()
  const form = page.getByRole('alertdialog')
  await form.getByRole('button', { name: 'Make the key' }).click()
  await form.getByText('give it a name').waitFor()
  await form.getByRole('textbox', { name: 'Name' }).fill('browser')
  await form.getByRole('button', { name: 'chat', exact: true }).click()
  await form.getByRole('textbox', { name: 'Calls a minute' }).fill('30')
  await judge(page, 'a new key')
  await form.getByRole('button', { name: 'Make the key' }).click()
  const value = await takeKey(page)
  await until('the key in the list', async () => ((await keyRow(page).textContent()) ?? '').includes('30 calls'))
  if (real) want((await call(value)).ok, 'the new key opens nothing')

  say('changes it')
  await page.getByRole('button', { name: 'Change browser' }).click()
  await form.getByRole('textbox', { name: 'Models' }).fill('fast')
  await form.getByRole('textbox', { name: 'Calls a minute' }).fill('')
  await form.getByRole('button', { name: 'Change', exact: true }).click()
  await toast(page, 'browser is changed')
  await until('no limit', async () => /fast.*no limit/.test((await keyRow(page).textContent()) ?? ''))
  if (real) want((await call(value)).status === 403 && (await call(value, 'fast')).ok, 'the change does not hold')

  say('rotates it')
  await page.getByRole('button', { name: 'Rotate browser' }).click()
  await form.getByRole('combobox').selectOption('0')
  await form.getByRole('button', { name: 'Rotate' }).click()
  const anew = await takeKey(page)
  if (real) want((await call(value, 'fast')).status === 401 && (await call(anew, 'fast')).ok, 'the old value opens, or the new one does not')

  say('revokes it')
  await page.getByRole('button', { name: 'Revoke browser' }).click()
  const destroy = form.getByRole('button', { name: 'Destroy' })
  await destroy.waitFor({ timeout: patience })
  want(await destroy.isDisabled(), 'Destroy is offered before it is confirmed')
  for (const box of await form.getByRole('checkbox').all()) await box.check()
  await destroy.click()
  await toast(page, 'browser is revoked')
  await keyRow(page).waitFor({ state: 'detached' })
  if (real) want((await call(anew, 'fast')).status === 401, 'a revoked key opens')
  await closeToasts(page)
}

async function setHouse(page, tokens, at) {
  await page.getByRole('button', { name: 'Set a budget' }).click()
  const form = page.getByRole('alertdialog')
  await form.getByRole('textbox', { name: 'Tokens a day' }).fill(tokens)
  await form.getByRole('combobox', { name: 'At the limit' }).selectOption(at)
  await form.getByRole('button', { name: 'Set', exact: true }).click()
  await form.waitFor({ state: 'detached' })
}

const budget = (page) => page.locator('[data-budget="house tokens_per_day"]')

async function budgets(page) {
  say('sets a budget, and lets a call wait')
  await open(page, '/tokens?view=budgets', 'Tokens')
  await page.getByRole('button', { name: 'Set a budget' }).click()
  await page.getByRole('alertdialog').getByRole('button', { name: 'Set', exact: true }).click()
  await page.getByRole('alertdialog').getByText('set at least one limit').waitFor()
  await page.getByRole('alertdialog').getByRole('button', { name: 'Cancel' }).click()
  await setHouse(page, '1', 'park')
  await until('the budget', async () => ((await budget(page).textContent()) ?? '').includes('calls wait for you'))
  const waits = page.locator('[data-parked]')
  if (real) {
    for (const [verb, status] of [['Approve', 200], ['Deny', 429]]) {
      const answer = call(house.key)
      await waits.first().waitFor({ timeout: patience })
      await judge(page, 'a call that waits')
      if (env.SHOTS) await page.screenshot({ path: `${env.SHOTS}/parked.png` })
      await waits.first().getByRole('button', { name: verb }).click()
      want((await answer).status === status, `${verb}: the call is answered ${(await answer).status}`)
      await until('none waits', async () => (await waits.count()) === 0)
    }
    await page.locator('.alert-line', { hasText: 'approved' }).first().waitFor({ timeout: patience })
  }

  say('resets it, is refused by it, and takes it away')
  await page.getByRole('button', { name: 'Reset the budgets of house' }).click()
  await page.getByRole('alertdialog').getByRole('button', { name: 'Reset' }).click()
  await toast(page, 'house begins anew')
  await until('nothing counted', async () => ((await budget(page).locator('.budget-head').textContent()) ?? '').startsWith('0 '))
  await setHouse(page, '0', 'refuse')
  if (real) await refusedInThePlayground(page)
  await open(page, '/tokens?view=budgets', 'Tokens')
  await page.getByRole('button', { name: 'Remove the budgets of house' }).click()
  await page.getByRole('alertdialog').getByRole('button', { name: 'Take away' }).click()
  await budget(page).waitFor({ state: 'detached' })
  await closeToasts(page)
}

/** A refusal says what, by which setting, and what to do. */
async function refusedInThePlayground(page) {
  await open(page, '/models', 'Models')
  want((await talk(page, 'hello')) === 'failed', 'a call goes through although its budget allows nothing')
  const trouble = exchange(page).locator('.trouble-card')
  for (const part of ['A budget does not allow it', 'tokens_per_day', 'Remedy']) await trouble.getByText(part).first().waitFor()
  await judge(page, 'a refused call')
}

async function past(page) {
  say('reads what the breaker did')
  await open(page, '/tokens?view=breaker', 'Tokens')
  await page.getByText('What it did').waitFor({ timeout: patience })
  await until('a judge', async () => (await page.locator('.alert-line', { hasText: /house|watch/ }).count()) > 0)
}

const views = Object.fromEntries(['sessions', 'budgets', 'breaker', 'prices'].map((v) => [`tokens-${v}`, [`/tokens?view=${v}`, 'Tokens']]))

await tell('what is spent is seen and bounded', async (page) => {
  await login(page)
  await open(page, '/tokens', 'Tokens')
  if (real) await empty(page)
  const before = await calls(page)
  await playground(page)
  await counted(page, before)
  await fallback(page)
  await keys(page)
  await budgets(page)
  await past(page)
  await look(page, { models: ['/models', 'Models'], tokens: ['/tokens', 'Tokens'], ...views, keys: ['/keys', 'Keys'] })
})
