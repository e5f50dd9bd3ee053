// node todo.js SITE SERVER: the app of examples/todo at SITE, in headless Chromium: two users, offline edits, a conflict, sharing.
// Exits with 0 or 1.
import { chromium } from 'playwright-core'

const [site, server] = process.argv.slice(2)
const PATIENCE = 60_000
const executablePath = process.env.CHROMIUM || '/usr/bin/chromium'
const browser = await chromium.launch({ executablePath, args: ['--no-sandbox'] })

class Person {
  static async open (user) {
    const person = new Person()
    person.user = user
    person.page = await (await browser.newContext()).newPage()
    person.page.setDefaultTimeout(PATIENCE)
    person.page.on('pageerror', error => console.error(`${user}: ${error.stack}`))
    await person.visit(server)
    return person
  }

  async visit (server) { await this.page.goto(`${site}/?server=${encodeURIComponent(server)}&user=${this.user}`) }
  async is (status) { await this.page.locator('#status', { hasText: status }).waitFor() }

  /** Goes online or offline. */
  async go (status) {
    await this.page.locator('#offline').click()
    await this.is(status)
  }

  async add (text) {
    await this.page.getByPlaceholder('something to do').first().fill(text)
    await this.page.getByRole('button', { name: 'add' }).first().click()
    await this.sees(text)
  }

  /** Waits for a todo with this text. */
  async sees (text) { await this.page.waitForFunction(text => [...document.querySelectorAll('input.text')].some(input => input.value === text), text) }

  async edit (before, after) {
    const row = this.page.locator('li', { has: this.page.getByLabel(`done: ${before}`, { exact: true }) })
    await row.locator('input.text').fill(after)
    await row.locator('input.text').press('Enter')
    await this.sees(after)
  }

  async checks (text) { await this.page.getByLabel(`done: ${text}`, { exact: true }).check() }

  /** Waits until a todo is done. */
  async isDone (text) { await this.page.locator(`[aria-label="done: ${text}"]:checked`).waitFor() }
}

async function play () {
  const alice = await Person.open('alice')
  await alice.is('online')
  await alice.add('buy milk')

  // Without a server the todos are those of the last visit, and new ones are kept.
  await alice.visit('http://127.0.0.1:9')
  await alice.sees('buy milk')
  await alice.is('offline')
  await alice.add('walk the dog')
  await alice.visit(server)
  await alice.is('online')

  // Bob accepts the invitation to her list, and has both todos.
  const bob = await Person.open('bob')
  await bob.is('online')
  await bob.page.locator('h2', { hasText: 'Todos of bob' }).waitFor()
  await alice.page.getByPlaceholder('did:key').fill(await bob.page.locator('#address').textContent())
  await alice.page.getByRole('button', { name: 'share' }).click()
  await bob.page.getByRole('button', { name: 'accept' }).click()
  await bob.sees('buy milk')
  await bob.sees('walk the dog')
  await bob.checks('walk the dog')
  await alice.isDone('walk the dog')

  // Both edit one todo offline: what does not touch is merged, and Bob decides about the text.
  await alice.go('offline')
  await bob.go('offline')
  await alice.edit('buy milk', 'buy oat milk')
  await bob.edit('buy milk', 'buy two milks')
  await bob.checks('buy two milks')
  await alice.go('online')
  await bob.go('online')
  await bob.page.locator('.conflict q', { hasText: 'buy oat milk' }).waitFor()
  await bob.page.getByRole('button', { name: 'take it' }).click()
  await bob.sees('buy oat milk')
  await alice.isDone('buy oat milk')

  // A removal reaches the other one; nothing of this went wrong.
  await alice.page.getByLabel('remove: walk the dog').click()
  await bob.page.getByLabel('done: walk the dog').waitFor({ state: 'detached' })
  for (const { page, user } of [alice, bob]) {
    const problem = await page.locator('#problem').textContent()
    if (problem) throw new Error(`${user}: ${problem}`)
  }
}

try {
  await play()
  console.log('offline, shared, merged')
} catch (error) {
  console.error(error)
  process.exitCode = 1
} finally {
  await browser.close()
}
