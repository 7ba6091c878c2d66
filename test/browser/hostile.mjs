// SPDX-License-Identifier: Apache-2.0
// A hostile extension's page in a real browser, beside a Hub that is logged in: whatever it tries
// against the house must fail. The extension is test/browser/hostile, installed in the house.
//
//   HOLDFAST_URL      the front door
//   HOLDFAST_LINK     a one-time link, from `holdfast link`
//   HOLDFAST_HOSTILE  the path of the extension's page (/ext/hostile/)
//   HOLDFAST_KEYED    set when the house asks for the page key on reads too
import { launch } from './chromium.mjs'
import { record } from './recorder.mjs'

const env = process.env
const hub = new URL(env.HOLDFAST_URL).origin
const path = env.HOLDFAST_HOSTILE ?? '/ext/hostile/'
const faults = []
const say = (text) => console.log(text)
const want = (ok, text) => {
  if (!ok) throw new Error(text)
}

/** The operator's own call, from a page of the Hub: it must go on working. */
const act = (page, action, input = {}) =>
  page.evaluate(async ([action, input]) => {
    const r = await fetch(`/api/v1/${action}`, {
      method: 'POST', body: JSON.stringify(input),
      headers: { 'Content-Type': 'application/json', 'X-CSRF-Token': localStorage.getItem('holdfast.csrf') ?? '' },
    })
    return { status: r.status, body: await r.text() }
  }, [action, input])

function judge(where, won) {
  for (const [name, got] of Object.entries(won)) faults.push(`${where}: ${name}: ${got}`)
}

/** What pages of other origins asked of the house, however they did, and what they were answered. */
function judgeAnswers(where, least) {
  const foreign = recorder.seen.splice(0).filter((r) => r.url.origin === hub && ['same-site', 'cross-site'].includes(r.site) && /^\/(api|auth|v1)\//.test(r.url.pathname))
  say(`  the house answered ${foreign.length} of its requests`)
  want(foreign.length >= least, `${where}: only ${foreign.length} attacks reached the house`)
  want(foreign.some((r) => /holdfast_session_/.test(r.headers.cookie)), `${where}: no attack carried the session: the test no longer tests this`)
  for (const r of foreign) {
    const line = `${where}: ${r.method} ${r.url.pathname} was answered ${r.status}`
    if (r.answered['access-control-allow-origin']) faults.push(`${line} and may be read elsewhere`)
    if (['/auth/login', '/auth/me'].includes(r.url.pathname)) continue // public; they tell a foreign page nothing
    if (r.status < 400) faults.push(line)
  }
}

async function login(page) {
  say('logs in')
  await page.goto(env.HOLDFAST_LINK)
  await page.getByRole('button', { name: 'Log in' }).click()
  await page.waitForURL((u) => u.origin === hub && !u.pathname.startsWith('/auth/'))
  const mine = await act(page, 'unit/list')
  want(mine.status === 200, `the operator's own call answers ${mine.status}: ${mine.body}`)
}

async function inTab(context) {
  say('attacks from a tab of its own')
  const page = await context.newPage()
  await page.goto(hub + path)
  const at = new URL(page.url())
  want(at.origin !== hub && at.pathname === path, `the extension's page stands at ${at}`)
  judge('tab', await page.evaluate((hub) => attack(hub), hub))
  judgeAnswers('tab', 20)
  return page
}

async function byPopup(page, context) {
  say('opens the Hub and reaches into its window')
  const [popup] = await Promise.all([context.waitForEvent('page'), page.click('#popup')])
  await popup.waitForLoadState()
  const got = await page.evaluate(async () => {
    const reached = reach('popup', window.popup)
    try {
      window.popup.location.href = 'javascript:document.title="taken"'
    } catch { /* as it should be */ }
    window.popup?.postMessage('hello', '*')
    return reached
  })
  if (got) faults.push(`popup: ${got}`)
  if ((await popup.title()) === 'taken') faults.push('popup: it ran a script in the Hub')
  await popup.close()
}

async function asOpened(hubPage, context) {
  say('is opened by the Hub and reaches back')
  const [page] = await Promise.all([context.waitForEvent('page'), hubPage.evaluate((path) => { window.open(path) }, path)])
  await page.waitForURL((u) => u.origin !== hub && u.protocol === 'http:')
  await page.waitForLoadState()
  const before = hubPage.url()
  judge('opened', await page.evaluate((hub) => attack(hub, ['opener', 'parent', 'top']), hub))
  await page.evaluate(() => { try { window.opener.location = 'about:blank' } catch { /* as it should be */ } })
  await hubPage.waitForTimeout(500)
  if (hubPage.url() !== before) faults.push('opened: it led the Hub elsewhere')
  await page.close()
}

async function inFrame(hubPage) {
  say('is framed by the Hub and reaches out')
  await hubPage.evaluate((path) => new Promise((done) => {
    const e = document.createElement('iframe')
    e.id = 'hostile'
    e.src = path
    e.onload = done
    document.body.append(e)
  }), path)
  const frame = hubPage.frames().find((f) => f !== hubPage.mainFrame())
  const at = new URL(frame.url())
  want(at.origin !== hub && at.pathname === path, `the Hub cannot frame an extension's page: ${frame.url()}`)
  const before = hubPage.url()
  judge('frame', await frame.evaluate((hub) => attack(hub), hub))
  await frame.evaluate(() => { try { window.top.location = 'about:blank' } catch { /* as it should be */ } }).catch(() => {})
  await hubPage.waitForTimeout(500)
  if (hubPage.url() !== before) faults.push('frame: it led the Hub elsewhere')
  judgeAnswers('frame', 20)
  await hubPage.evaluate(() => document.getElementById('hostile').remove())
}

/** Cookies are not kept apart by port, so the extension's server gets the Hub's; it must not be enough. */
async function withStolenCookie(page) {
  say('steals the cookie at its own port and uses it without the browser')
  const used = await page.evaluate((hub) => { window.hub = hub; return steal() }, hub)
  want(used.length > 0, 'no cookie was stolen: the test no longer tests this')
  for (const u of used) {
    if (u.request === 'GET /auth/me') {
      if (JSON.parse(u.body).csrf || JSON.parse(u.body).csrf_token) faults.push('stolen cookie: it leads to the page key')
    } else if (u.request.startsWith('GET') && !env.HOLDFAST_KEYED) {
      say(`  known: the cookie alone still reads: ${u.request} ${u.status}`)
    } else if (u.status < 400) {
      faults.push(`stolen cookie: ${u.request} was answered ${u.status}: ${u.body.slice(0, 200)}`)
    }
  }
}

async function tossing(page, hubPage) {
  say('tosses cookies of the same name at the Hub')
  await page.evaluate((hub) => { window.hub = hub; toss() }, hub)
  const mine = await act(hubPage, 'unit/list')
  if (mine.status !== 200) faults.push(`tossed cookies: the operator is locked out: ${mine.status} ${mine.body.slice(0, 200)}`)
}

async function strangers(browser) {
  say('is not shown to who is not logged in')
  const context = await browser.newContext()
  const page = await context.newPage()
  await page.goto(hub + path)
  want(new URL(page.url()).pathname === '/auth/login', `a stranger stands at ${page.url()}`)
  await context.close()
}

const recorder = await record()
const browser = await launch()
try {
  const context = await browser.newContext({ proxy: recorder.proxy })
  const hubPage = await context.newPage()
  await login(hubPage)
  recorder.seen.length = 0
  const page = await inTab(context)
  await byPopup(page, context)
  await asOpened(hubPage, context)
  await inFrame(hubPage)
  await withStolenCookie(page)
  await tossing(page, hubPage)
  await strangers(browser)
} catch (err) {
  faults.push(err.stack ?? String(err))
} finally {
  await browser.close()
  recorder.stop()
}
for (const fault of faults) console.error(`FAIL  ${fault}`)
say(faults.length === 0 ? 'the house holds: every attack failed' : `${faults.length} faults`)
process.exit(faults.length === 0 ? 0 : 1)
