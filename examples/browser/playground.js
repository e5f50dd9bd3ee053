// node playground.js PAGE: does everything that the playground of a development server at PAGE offers, and checks what each
// device and the server see. With LESS_SYNC_WRITE_PICTURE, writes the pictures of the documentation. Exits with 0 or 1.
import assert from 'node:assert/strict'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { chromium } from 'playwright-core'
import { merge } from '../../crates/app/src/dev/playground/merge.js'

const page = process.argv[2]
const executablePath = process.env.CHROMIUM || '/usr/bin/chromium'
const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')
const pictures = new URL('../../docs/images/', import.meta.url).pathname
const FIRST = 'Milk, bread, and the blue paint.'
const SECOND = 'Milk, bread, and the blue paint.\nBob brings the brushes.'

// Merges of two versions with their base: apart, equal, overlapping, at one place, removed.
for (const [base, mine, theirs, merged] of [
  ['one two', 'one two three', 'zero one two', 'zero one two three'],
  ['same', 'other', 'other', 'other'],
  ['same', 'same', 'theirs', 'theirs'],
  ['same', 'mine', 'same', 'mine'],
  ['a cat', 'a dog', 'a cow', 'a cow\na dog'],
  ['', 'mine', 'theirs', 'theirs\nmine'],
  ['a b c', 'a c', 'a b c d', 'a c d'],
  ['a b c', '', 'a b c', '']
]) {
  assert.equal(merge(base, mine, theirs), merged, JSON.stringify([base, mine, theirs]))
}

const faults = []
const browser = await chromium.launch({ executablePath, args: ['--no-sandbox'] })
try {
  const context = await browser.newContext({ viewport: { width: 1400, height: 900 }, acceptDownloads: true })
  const tab = await context.newPage()
  tab.setDefaultTimeout(30_000)
  tab.on('console', message => { if (message.type() === 'error') faults.push(message.text()) })
  tab.on('pageerror', error => faults.push(error.message))
  tab.on('request', request => { if (!/^(data|blob):/.test(request.url()) && !request.url().startsWith(page)) faults.push(`request to ${request.url()}`) })

  const field = name => tab.locator(`#${name}-text`)
  const within = (name, selector) => tab.locator(`#${name} ${selector}`)
  const until = async (what, test) => {
    try {
      await tab.waitForFunction(test[0], test[1])
    } catch {
      throw new Error(`${what}: ${JSON.stringify(await tab.evaluate(() => [...document.querySelectorAll('textarea, .facts, .status')].map(e => e.value ?? e.textContent)))}`)
    }
  }
  const reads = (name, text) => until(`${name} reads ${text}`, [([id, text]) => document.getElementById(`${id}-text`).value === text, [name, text]])
  const says = (selector, text) => until(`${selector} says ${text}`, [([selector, text]) => document.querySelector(selector)?.textContent.includes(text), [selector, text]])
  const picture = async (name, height = 800) => {
    if (!process.env.LESS_SYNC_WRITE_PICTURE) return
    mkdirSync(pictures, { recursive: true })
    await tab.evaluate(() => {
      document.getElementById('status').textContent = ''
      document.getElementById('frames').scrollTop = 0
    })
    const clip = { x: 0, y: 0, width: tab.viewportSize().width, height: height }
    writeFileSync(`${pictures}playground-${name}.png`, await tab.screenshot({ fullPage: true, clip }))
  }
  const accessible = async what => {
    await tab.evaluate(axe)
    const { violations } = await tab.evaluate(() => window.axe.run(document, { resultTypes: ['violations'] }))
    const shown = violations.map(({ id, nodes }) => `${id}: ${nodes.map(node => node.html).join(' ')}`)
    assert.deepEqual(shown, [], `accessibility ${what}`)
  }

  await tab.goto(page)
  await tab.waitForSelector('body[data-ready]')
  await accessible('at the start')

  // Typing on one device is seen on the other, with presence, and as ciphertext by the server.
  await field('laptop').pressSequentially(FIRST)
  await reads('phone', FIRST)
  await says('#phone .dots', 'laptop')
  await says('#laptop .dots', 'phone')
  await says('#frames', 'presence.set')
  assert.equal(await field('bob').inputValue(), '')
  assert.equal(await field('bob').isDisabled(), true)
  const seen = await tab.locator('.server').innerText()
  assert.ok(!seen.includes('Milk') && seen.includes('sealed') && seen.includes('key 1'), seen)

  // A frame opens with the keyboard; the bytes of a token are not shown.
  await tab.locator('#frames summary', { hasText: 'push' }).first().press('Enter')
  await says('#frames pre', '64 61 74 61'.slice(0, 2))
  await tab.locator('#frames summary', { hasText: 'auth' }).first().press('Enter')
  await says('#frames', 'it is not shown')
  await picture('typing')

  // A file is encrypted, uploaded, and decrypted on the other device.
  await tab.setInputFiles('#laptop-file', { name: 'plan.txt', mimeType: 'text/plain', buffer: Buffer.alloc(70_000, 'a plan ') })
  await says('#phone .files', 'plan.txt')
  const [download] = await Promise.all([tab.waitForEvent('download'), within('phone', '.files button').click()])
  assert.equal(download.suggestedFilename(), 'plan.txt')
  assert.deepEqual(readFileSync(await download.path()), Buffer.alloc(70_000, 'a plan '))
  await says('#stored', 'file')

  // A file is dropped on a device.
  const dropped = await tab.evaluateHandle(() => {
    const transfer = new DataTransfer()
    transfer.items.add(new File(['dropped'], 'dropped.txt'))
    return transfer
  })
  await tab.dispatchEvent('#phone', 'drop', { dataTransfer: dropped })
  await says('#laptop .files', 'dropped.txt')

  // Offline edits of both are merged.
  await within('phone', '.online').click()
  await says('#phone .online', 'Offline')
  await field('phone').fill(`${FIRST}\nFrom the phone.`)
  await says('#phone .facts', 'edited offline')
  await field('laptop').fill(`First: ${FIRST}`)
  await says('#laptop .facts', 'at #')
  await picture('offline')
  await within('phone', '.online').click()
  await reads('laptop', `First: ${FIRST}\nFrom the phone.`)
  await reads('phone', `First: ${FIRST}\nFrom the phone.`)

  // Bob is invited, accepts, reads, and writes.
  await field('laptop').fill(FIRST)
  await reads('phone', FIRST)
  await tab.getByRole('button', { name: 'Invite Bob' }).click()
  await tab.locator('#bob .accept').waitFor({ state: 'visible' })
  await accessible('with an invitation')
  await tab.locator('#bob .accept').click()
  await reads('bob', FIRST)
  await says('#bob .files', 'plan.txt')
  await field('bob').fill(SECOND)
  await reads('laptop', SECOND)
  await says('#laptop .dots', 'Bob')
  await picture('shared')

  // Bob is removed: he keeps what he has read, and reads nothing new.
  await tab.getByRole('button', { name: 'Remove Bob' }).click()
  await says('#bob .facts', 'Access has ended')
  await says('#laptop .facts', 'key 2')
  await field('laptop').fill('Not for Bob.')
  await reads('phone', 'Not for Bob.')
  await field('phone').fill('Not for Bob either.')
  await reads('laptop', 'Not for Bob either.')
  assert.equal(await field('bob').inputValue(), SECOND)
  assert.equal(await field('bob').isDisabled(), true)
  await says('#phone .facts', 'key 2')
  assert.ok(!(await tab.locator('#stored').innerText()).includes('key 1'), 'a wrapped key of the first epoch is left')
  const [again] = await Promise.all([tab.waitForEvent('download'), within('phone', '.files button').first().click()])
  assert.equal((await again.failure()), null)
  await accessible('after the removal')
  await picture('removed')

  // A connection of his own changes nothing; an invitation that was sent meanwhile brings him back, with the new key.
  await within('bob', '.online').click()
  await says('#bob .online', 'Offline')
  await tab.getByRole('button', { name: 'Invite Bob' }).click()
  await tab.getByRole('button', { name: 'Remove Bob' }).waitFor({ state: 'visible' })
  await within('bob', '.online').click()
  await tab.locator('#bob .accept').waitFor({ state: 'visible' })
  assert.equal(await field('bob').isDisabled(), true)
  assert.equal(await field('bob').inputValue(), SECOND)
  await tab.locator('#bob .accept').click()
  await reads('bob', 'Not for Bob either.')

  // Dark, and narrow: nothing is cut off at 360 pixels.
  await tab.emulateMedia({ colorScheme: 'dark' })
  await accessible('in dark colours')
  await picture('dark')
  await tab.setViewportSize({ width: 360, height: 740 })
  const width = await tab.evaluate(() => document.documentElement.scrollWidth)
  assert.ok(width <= 360, `${width} pixels wide`)
  await accessible('at 360 pixels')
  await picture('narrow', 1200)

  // Every control is reached by the keyboard, in order.
  await tab.emulateMedia({ colorScheme: 'light' })
  await tab.locator('.skip').focus()
  const reached = new Set()
  for (let press = 0; press < 40; press++) {
    await tab.keyboard.press('Tab')
    reached.add(await tab.evaluate(() => document.activeElement.id || document.activeElement.className || document.activeElement.tagName))
  }
  for (const id of ['laptop-text', 'laptop-file', 'phone-text', 'bob-text', 'frames']) assert.ok(reached.has(id), `no ${id} among ${[...reached]}`)
  assert.deepEqual(faults, [])
  console.log('typing, presence, files, offline, invitation, removal, colours, keyboard')
} catch (error) {
  console.error(`error: ${error.message}`, faults)
  process.exitCode = 1
} finally {
  await browser.close()
}
