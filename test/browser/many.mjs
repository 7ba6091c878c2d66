// SPDX-License-Identifier: Apache-2.0
// The Units page with hundreds of units in a real house: however many there are, the document stays
// small, and finding, sorting, scrolling, the keyboard and the graph go on working.
import { env, judge, login, open, patience, say, sizes, tell, until, want } from './story.mjs'

const count = Number(env.HOLDFAST_MANY ?? 500)
const rowsMost = 60

const rows = (page) => page.locator('table.units tr[data-unit]')
const last = `many-${String(count).padStart(3, '0')}`

async function small(page, where) {
  const there = await rows(page).count()
  want(there > 3 && there <= rowsMost, `${where}: ${there} rows in the document`)
}

async function list(page) {
  say(`shows ${count} units with few rows`)
  await open(page, '/units', 'Units')
  await rows(page).first().waitFor({ timeout: patience })
  await until('all of them', async () => Number((await page.getByRole('button', { name: /^All/ }).textContent()).replace(/\D/g, '')) >= count)
  await small(page, 'the top')
  want(Number(await page.locator('table.units').getAttribute('aria-rowcount')) > count, 'how many rows there are is not told')
  await until('all up', async () => Number((await page.getByRole('button', { name: /^Up/ }).textContent()).replace(/\D/g, '')) >= count, 3 * patience)
  await page.evaluate(() => window.scrollTo(0, document.documentElement.scrollHeight))
  await until('the last units', async () => (await page.locator('#unit-notes\\.ui').count()) === 1)
  await small(page, 'the end')
  say('is walked by keyboard from end to end')
  await page.locator('#unit-notes\\.ui').focus()
  await page.keyboard.press('Home')
  await until('the first has the focus', () => page.evaluate(() => document.activeElement?.closest('tr')?.getAttribute('aria-rowindex') === '2'))
  await page.keyboard.press('End')
  await until('the last has the focus', () => page.evaluate(() => document.activeElement?.id === 'unit-notes.ui'))
  await page.evaluate(() => window.scrollTo(0, 0))
  await until('the focus to stay though its row is out of sight', () => page.evaluate(() => window.scrollY === 0 && document.activeElement?.id === 'unit-notes.ui'))
  await small(page, 'with a focus far away')
}

async function works(page) {
  say('sorts, groups, finds and opens among them')
  await page.locator('th').getByRole('button', { name: 'Memory' }).click()
  await until('the largest first', async () => !/^many-/.test(await rows(page).first().getAttribute('data-unit')))
  await page.getByRole('combobox', { name: 'Group' }).selectOption('owner')
  await page.locator('tr.group').first().waitFor()
  await small(page, 'grouped')
  await page.getByRole('searchbox', { name: 'Find a unit' }).fill(last)
  await until('one', async () => (await rows(page).count()) === 1)
  await page.locator(`#unit-${last}`).click()
  await page.getByRole('dialog').getByRole('heading', { level: 2, name: last }).waitFor()
  await page.getByRole('dialog').getByRole('button', { name: 'Restart' }).click()
  await page.getByRole('alertdialog').getByRole('button', { name: 'Restart' }).click()
  await page.locator('.toast', { hasText: `${last} is restarted` }).waitFor({ timeout: patience })
  await page.keyboard.press('Escape')
}

async function graph(page) {
  say('draws them all, and answers')
  await open(page, '/units?view=graph', 'Units')
  await until('all nodes', async () => (await page.locator('.graph-node').count()) >= count, 2 * patience)
  const elements = await page.evaluate(() => document.querySelectorAll('.graph *').length)
  want(elements < count * 14, `the graph has ${elements} elements`)
  const first = page.locator('.graph-node[tabindex="0"]')
  await first.focus()
  const before = await page.evaluate(() => document.activeElement.dataset.unit)
  await page.keyboard.press('ArrowRight')
  await page.keyboard.press('ArrowDown')
  want((await page.evaluate(() => document.activeElement.dataset.unit)) !== before, 'arrow keys lead nowhere')
  for (const [size, viewport] of Object.entries(sizes)) {
    await page.setViewportSize(viewport)
    await until('a drawing that fits', () => page.evaluate(() => document.documentElement.scrollWidth <= innerWidth))
    await judge(page, `graph of ${count}, ${size}`)
    if (env.SHOTS) await page.screenshot({ path: `${env.SHOTS}/many-graph-${size}.png` })
  }
  await open(page, '/units', 'Units')
  await rows(page).first().waitFor({ timeout: patience })
  await judge(page, `list of ${count}, phone`)
  await small(page, 'a phone')
  if (env.SHOTS) await page.screenshot({ path: `${env.SHOTS}/many-list-phone.png` })
}

await tell(`the Units page holds ${count} units`, async (page) => {
  await login(page)
  await list(page)
  await works(page)
  await graph(page)
})
