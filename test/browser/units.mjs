// SPDX-License-Identifier: Apache-2.0
// The Units page against a real house with the units of units.yaml: what each state says, find, group
// and sort, stop, start and a refusal, a kill -9 and the history after it, the graph by keyboard, the
// log with its search, and every view at two sizes and in two themes, with axe.
import { closeToasts, env, house, look, login, open, patience, say, tell, toast, until, want } from './story.mjs'

const row = (page, name) => page.locator(`table.units tr[data-unit="${name}"]`)
const rows = (page) => page.locator('table.units tr[data-unit]')
const names = (page) => rows(page).evaluateAll((list) => list.map((el) => el.dataset.unit))
const dialog = (page) => page.getByRole('dialog')
const close = async (page) => {
  await page.keyboard.press('Escape')
  await until('the drawer to close', async () => (await dialog(page).count()) === 0)
}
const pidOf = async (page, name) => Number((await row(page, name).locator('.unit-pid').textContent({ timeout: patience })).replace(/\D/g, ''))

/** The operator's own call beside the page. */
const act = (page, action, input) =>
  page.evaluate(async ([action, input]) => {
    const r = await fetch(`/api/v1/${action}`, { method: 'POST', headers: { 'Content-Type': 'application/json', 'X-CSRF-Token': localStorage.getItem('holdfast.csrf') }, body: JSON.stringify(input) })
    return { status: r.status, body: await r.json() }
  }, [action, input])

async function states(page) {
  say('says in words how each unit stands')
  await open(page, '/units', 'Units')
  await row(page, 'waits').getByText('NOBODY_SET_THIS is not set').waitFor({ timeout: patience })
  await until('the next start of what is broken', async () => /Exited with status 3\. Starts again (by itself in \d+ s|now)\./.test(await row(page, 'broken').textContent()))
  await until('figures of what runs', async () => /\d %.*[\d.]+ [KM]iB/.test(await row(page, 'db').textContent()) && (await row(page, 'db').locator('.spark-line').count()) === 2)
  want((await row(page, 'waits').locator('.spark-line').count()) === 0 || /–/.test(await row(page, 'waits').textContent()), 'a unit that does not run has figures')
}

async function finds(page) {
  say('finds, groups and sorts')
  const find = page.getByRole('searchbox', { name: 'Find a unit' })
  await find.fill('backing')
  await until('only what is broken', async () => (await names(page)).join() === 'broken')
  await find.fill('')
  await page.getByRole('button', { name: /^Trouble/ }).click()
  await until('only trouble', async () => (await names(page)).sort().join() === 'broken,waits')
  await page.getByRole('button', { name: /^All/ }).click()
  await page.getByRole('combobox', { name: 'Group' }).selectOption('owner')
  const group = page.getByRole('button', { name: 'config', exact: true })
  await group.click()
  await until('a closed group', async () => !(await names(page)).includes('db'))
  want((await group.getAttribute('aria-expanded')) === 'false', 'a closed group does not say so')
  await group.click()
  await page.getByRole('combobox', { name: 'Group' }).selectOption('none')
  await page.locator('th').getByRole('button', { name: 'Unit' }).click()
  await until('the order turned', async () => (await names(page)).at(-1) === 'api')
  want((await page.locator('th', { hasText: 'Unit' }).getAttribute('aria-sort')) === 'descending', 'the sorted column does not say so')
  await page.locator('th').getByRole('button', { name: 'Unit' }).click()
  await page.locator('#unit-api').focus()
  await page.keyboard.press('ArrowDown')
  want((await page.evaluate(() => document.activeElement.id)) === 'unit-broken', 'an arrow key does not lead to the next unit')
}

async function stopsAndStarts(page) {
  say('stops a unit, is refused a restart of it, and starts it')
  await row(page, 'ui').getByRole('button', { name: 'Stop ui' }).click()
  await page.getByRole('alertdialog').getByRole('button', { name: 'Stop' }).click()
  await toast(page, 'ui is stopped')
  await row(page, 'ui').getByText('Nothing starts it until you do').waitFor({ timeout: patience })
  await closeToasts(page)
  await row(page, 'ui').getByRole('button', { name: 'Start ui' }).click()
  await toast(page, 'ui is started')
  await until('ui up', async () => (await row(page, 'ui').locator('.badge.good').count()) === 1)
  await closeToasts(page)
  // The page is kept from learning that somebody else stops it, so that it offers what the house must refuse.
  await page.locator('#unit-ui').click()
  const restart = dialog(page).getByRole('button', { name: 'Restart' })
  await restart.waitFor()
  const known = (await act(page, 'unit/list', {})).body
  await page.route('**/api/v1/unit/list', (route) => route.fulfill({ json: known }))
  want((await act(page, 'unit/stop', { unit: 'ui' })).status === 200, 'ui cannot be stopped')
  await restart.click()
  await page.getByRole('alertdialog').getByRole('button', { name: 'Restart' }).click()
  const trouble = dialog(page).getByRole('alert')
  await trouble.getByText('Refused by guard intent').waitFor({ timeout: patience })
  await trouble.getByText('ui was stopped on purpose by').waitFor()
  await trouble.getByText('Remedy:').waitFor()
  if (env.SHOTS) await page.screenshot({ path: `${env.SHOTS}/refused.png` })
  await page.unroute('**/api/v1/unit/list')
  want((await act(page, 'unit/start', { unit: 'ui' })).status === 200, 'ui cannot be started')
  await close(page)
  await page.locator('#unit-waits').click()
  await dialog(page).getByRole('button', { name: 'Start', exact: true }).click()
  await dialog(page).getByRole('alert').getByText('NOBODY_SET_THIS').waitFor({ timeout: patience })
  await close(page)
}

async function killed(page) {
  say('shows a kill -9 and what became of it')
  await open(page, '/units', 'Units')
  const before = await pidOf(page, 'api')
  process.kill(before, 'SIGKILL')
  await until('another process', async () => {
    const now = await pidOf(page, 'api')
    return now > 0 && now !== before && (await row(page, 'api').locator('.badge.good').count()) === 1
  })
  await page.locator('#unit-api').click()
  const drawer = dialog(page)
  await drawer.getByRole('img', { name: /it ended unasked 1 time/ }).waitFor({ timeout: patience })
  await drawer.locator('.changes').getByText('killed by signal KILL').first().waitFor()
  await drawer.locator('.launch').nth(1).waitFor()
  want((await drawer.locator('.launch').first().textContent()).includes(`pid ${await pidOf(page, 'api')}`), 'the newest launch is not the one that runs')
  await drawer.getByText('up to 256MiB').waitFor()
  await drawer.getByText('up to 512 each').waitFor()
  await drawer.getByText('nice 5').waitFor()
  await drawer.locator('.line-chart canvas').first().waitFor()
  want((await drawer.getByText('Needed by').count()) === 1 && (await drawer.getByRole('button', { name: 'ui' }).count()) === 1, 'who needs it is not told')
  await drawer.getByRole('button', { name: 'db', exact: true }).click()
  await until('the unit that it needs', async () => (await drawer.getByRole('heading', { level: 2, name: 'db' }).count()) === 1)
  await close(page)
  await page.locator('#unit-confined').click()
  await dialog(page).getByText('on, network off, no new privileges').waitFor({ timeout: patience })
  await close(page)
}

async function graph(page) {
  say('walks the graph by keyboard')
  await page.getByRole('button', { name: 'Graph' }).click()
  const node = (name) => page.locator(`.graph-node[data-unit="${name}"]`)
  await node('db').waitFor({ timeout: patience })
  const stops = await page.locator('.graph-node[tabindex="0"]').count()
  want(stops === 1, `Tab stops ${stops} times in the graph`)
  await node('db').focus()
  const focused = () => page.evaluate(() => document.activeElement?.dataset.unit)
  await page.keyboard.press('ArrowDown')
  want((await focused()) === 'api', `down from db leads to ${await focused()}`)
  await page.keyboard.press('ArrowDown')
  want((await focused()) === 'ui', `down from api leads to ${await focused()}`)
  await page.keyboard.press('ArrowUp')
  want(['api', 'db'].includes(await focused()), `up from ui leads to ${await focused()}`)
  want((await page.getByRole('button', { name: 'api running needs db; needed by ui' }).count()) === 1, `a node is read as ${await node('api').textContent()}`)
  want((await page.locator('.graph-lines path').count()) >= 3, 'there are no lines')
  const shapes = await page.locator('.graph-node svg').evaluateAll((list) => new Set(list.map((el) => el.innerHTML)).size)
  want(shapes >= 3, 'states differ by their colour only')
  await node('ui').focus()
  await page.keyboard.press('Enter')
  await dialog(page).getByRole('heading', { level: 2, name: 'ui' }).waitFor()
  await close(page)
  await page.setViewportSize({ width: 390, height: 844 })
  await until('a graph that fits a phone', () => page.evaluate(() => [...document.querySelectorAll('.graph-node')].every((el) => el.getBoundingClientRect().right <= innerWidth)))
  await page.setViewportSize({ width: 1280, height: 860 })
}

async function log(page) {
  say('searches a live log')
  await open(page, '/units?log=db', 'Units')
  const drawer = dialog(page)
  const lines = drawer.locator('.log-line')
  const texts = () => drawer.locator('.log-text').allTextContents()
  await until('lines, live', async () => (await lines.count()) > 3 && (await drawer.getByText(/lines, live/).count()) === 1)
  const search = drawer.getByRole('searchbox', { name: 'Search the log' })
  await search.fill('lost ROW')
  await until('only what was searched for, found on the server', async () => {
    const all = await texts()
    return all.length > 0 && all.every((t) => t.includes('lost row'))
  })
  await until('what was found is marked', async () => (await drawer.locator('mark').first().textContent()) === 'lost row')
  await drawer.getByRole('button', { name: 'Match upper and lower case' }).click()
  await until('none in upper case', async () => (await lines.count()) === 0)
  await drawer.getByRole('button', { name: 'Match upper and lower case' }).click()
  await drawer.getByRole('button', { name: 'The text is a pattern' }).click()
  await search.fill('row (1|2)+ stored')
  await until('a pattern', async () => (await texts()).length > 0 && (await texts()).every((t) => /row [12]+ stored/.test(t)))
  await search.fill('(')
  await drawer.getByRole('alert').getByText(/missing|regexp|expression/).first().waitFor({ timeout: patience })
  await drawer.getByRole('button', { name: 'The text is a pattern' }).click()
  await search.fill('lost')
  await drawer.getByRole('button', { name: 'All, marked' }).click()
  await until('all lines, some marked', async () => (await texts()).some((t) => t.includes('stored')) && (await drawer.locator('mark').count()) > 0)
  await search.press('Enter')
  await until('the first that was found', async () => (await drawer.locator('.log-line.current').count()) === 1)
  await drawer.getByText(/paused/).waitFor()
  const before = await drawer.locator('.log-foot').textContent()
  await until('new lines wait', async () => /\d+ new/.test(await drawer.locator('.log-foot').textContent()))
  want((await texts()).length > 0, `a paused log is empty: ${before}`)
  await drawer.getByRole('button', { name: 'Follow' }).click()
  await drawer.getByText(/lines, live/).waitFor()
  await search.fill('begins')
  await drawer.getByRole('button', { name: 'Found lines' }).click()
  await until('no escapes', async () => (await texts()).join() === 'red begins')
  await search.fill('xxxxxxxx')
  await drawer.getByRole('button', { name: /more characters/ }).click()
  await until('a long line whole', async () => (await texts())[0]?.length >= 30_000)
  await search.fill('')
}

async function streams(page) {
  say('tells standard error apart, and looks back in time')
  const drawer = dialog(page)
  await drawer.getByRole('button', { name: 'err', exact: true }).click()
  await until('only standard error', async () => {
    const all = await drawer.locator('.log-text').allTextContents()
    return all.length > 0 && all.every((t) => t.startsWith('ERROR')) && (await drawer.locator('.log-stream.stderr').count()) === all.length
  })
  await drawer.getByRole('button', { name: 'Both' }).click()
  await drawer.getByRole('combobox', { name: 'From when on' }).selectOption('5m')
  await until('lines of the last minutes', async () => (await drawer.locator('.log-line').count()) > 3)
  await close(page)
}

async function long(page) {
  say('holds ten thousand lines with few in the document')
  await open(page, '/units?log=chatty', 'Units')
  const drawer = dialog(page)
  await drawer.getByRole('combobox', { name: 'From when on' }).selectOption('1h')
  await drawer.getByText('10,000 lines, live').waitFor({ timeout: patience })
  const inDocument = () => drawer.locator('.log-line').count()
  await drawer.getByText('line 12000 of many', { exact: true }).waitFor({ timeout: patience })
  want((await inDocument()) < 150, `${await inDocument()} lines in the document`)
  await drawer.locator('.log').focus()
  await page.keyboard.press('Home')
  await drawer.getByText('line 2001 of many', { exact: true }).waitFor({ timeout: patience })
  await drawer.getByText(/paused/).waitFor()
  want((await inDocument()) < 150, `${await inDocument()} lines in the document`)
  await drawer.getByRole('button', { name: 'Wrap long lines' }).click()
  await page.keyboard.press('Escape')
  await until('the drawer to close', async () => (await dialog(page).count()) === 0)
}

async function merged(page) {
  say('merges logs of several units')
  await open(page, '/units?view=logs', 'Units')
  const box = page.locator('.merged')
  await page.getByRole('combobox', { name: 'Add a unit' }).selectOption('db')
  await page.getByRole('combobox', { name: 'Add a unit' }).selectOption('api')
  await until('lines of both', async () => {
    const tags = new Set(await box.locator('.log-line .log-unit').allTextContents())
    return tags.has('db') && tags.has('api') && tags.size === 2
  })
  want(new URL(page.url()).searchParams.get('log') === 'db,api', `the address does not say what is shown: ${page.url()}`)
  await page.getByRole('button', { name: 'Without db' }).click()
  await until('lines of one', async () => (await box.locator('.log-line').count()) > 0 && (await box.locator('.log-unit', { hasText: 'db' }).count()) === 0)
}

const lines = (page) => page.locator('.log-line').first().waitFor({ timeout: patience })
const pages = {
  units: ['/units', 'Units', (page) => page.locator('.spark-line').first().waitFor({ timeout: patience })],
  'unit-graph': ['/units?view=graph', 'Units', (page) => page.locator('.graph-node').first().waitFor({ timeout: patience })],
  'unit-detail': ['/units?unit=api', 'Units', (page) => page.locator('.line-chart canvas').first().waitFor({ timeout: patience })],
  'unit-waits': ['/units?unit=waits', 'Units'],
  'unit-log': ['/units?log=db', 'Units', lines],
  'unit-logs': ['/units?view=logs&log=db,api', 'Units', lines],
}

want(env.HOLDFAST_URL, 'this story needs a house: see hub.mjs for the environment')
await tell('the Units page holds', async (page) => {
  await login(page)
  await states(page)
  await finds(page)
  await stopsAndStarts(page)
  await killed(page)
  await graph(page)
  await log(page)
  await streams(page)
  await long(page)
  await merged(page)
  await look(page, pages)
})
