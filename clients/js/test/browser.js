// node browser.js URL: the scenario against a development server, in a page of another origin in headless Chromium. Exits with 0 or 1.
import { readFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import { join, normalize } from 'node:path'
import { fileURLToPath } from 'node:url'
import { chromium } from 'playwright-core'
import { issueToken } from './platform.js'

const [url] = process.argv.slice(2)
const root = fileURLToPath(new URL('..', import.meta.url))
const imports = { cborg: '/node_modules/cborg/cborg.js', 'less-sync-client': '/dist/index.js' }
const page = `<!doctype html><title>check</title><script type="importmap">${JSON.stringify({ imports })}</script>`

const site = createServer(async (request, response) => {
  const path = normalize(new URL(request.url, 'http://localhost').pathname)
  if (path === '/') return response.setHeader('content-type', 'text/html').end(page)
  const content = await readFile(join(root, path)).catch(() => null)
  response.writeHead(content ? 200 : 404, { 'content-type': 'text/javascript' }).end(content)
})
await new Promise(resolve => site.listen(0, '127.0.0.1', resolve))

const executablePath = process.env.CHROMIUM || '/usr/bin/chromium'
const browser = await chromium.launch({ executablePath, args: ['--no-sandbox'] })
try {
  const tab = await browser.newPage()
  tab.on('pageerror', error => console.error(error.message))
  await tab.exposeFunction('issue', request => issueToken(url, request))
  // A secure context, as WebCrypto requires.
  await tab.goto(`http://localhost:${site.address().port}/`)
  console.log(await tab.evaluate(async url => (await import('/test/scenario.js')).play(url, window.issue), url))
} catch (error) {
  console.error(error)
  process.exitCode = 1
} finally {
  await browser.close()
  site.close()
}
