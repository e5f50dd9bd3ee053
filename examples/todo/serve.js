// node serve.js [PORT]: serves the app, the client package and its dependency; prints the address.
import { readFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import { extname, join, normalize } from 'node:path'
import { fileURLToPath } from 'node:url'

const here = fileURLToPath(new URL('.', import.meta.url))
const package_ = join(here, '../../clients/js')
const folders = { client: join(package_, 'dist'), cborg: join(package_, 'node_modules/cborg') }
const types = { '.html': 'text/html', '.js': 'text/javascript' }

const site = createServer(async (request, response) => {
  const path = normalize(decodeURIComponent(new URL(request.url, 'http://localhost').pathname))
  const [, first, ...rest] = path.split('/')
  const file = folders[first] ? join(folders[first], ...rest) : join(here, path === '/' ? 'index.html' : path)
  const content = types[extname(file)] ? await readFile(file).catch(() => null) : null
  response.writeHead(content ? 200 : 404, { 'content-type': types[extname(file)] ?? 'text/plain', 'cache-control': 'no-cache' }).end(content)
})
site.listen(Number(process.argv[2] ?? 8080), '127.0.0.1', () => console.log(`http://localhost:${site.address().port}`))
