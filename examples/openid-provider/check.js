// node check.js FOLDER: starts a provider, logs in as a browser does, and prints its address and a token; ends with its standard input.
import { createHash, randomBytes } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { join } from 'node:path'
import { hash, openProvider } from './provider.js'

const folder = process.argv[2]
const [usersFile, keyFile] = ['users.json', 'keys.json'].map(name => join(folder, name))
writeFileSync(usersFile, JSON.stringify({ anna: { id: 'user-1', password: hash('a password') } }))

let handle
const server = createServer((request, response) => handle(request, response))
await new Promise(resolve => server.listen(0, '127.0.0.1', resolve))
const issuer = `http://127.0.0.1:${server.address().port}`
const [client, redirect] = ['my-app', 'http://127.0.0.1/callback']
handle = openProvider({ issuer, keyFile, usersFile, client, redirect })

const cookies = new Map()
async function request (url, options = {}) {
  const cookie = [...cookies].map(([name, value]) => `${name}=${value}`).join('; ')
  const response = await fetch(url, { redirect: 'manual', ...options, headers: { cookie, ...options.headers } })
  for (const line of response.headers.getSetCookie()) {
    const [, name, value] = line.match(/^([^=]+)=([^;]*)/)
    value ? cookies.set(name, value) : cookies.delete(name)
  }
  return response
}

async function logIn (password) {
  const verifier = randomBytes(32).toString('base64url')
  const query = new URLSearchParams({
    client_id: client, redirect_uri: redirect, response_type: 'code', scope: 'openid sync files',
    code_challenge: createHash('sha256').update(verifier).digest('base64url'), code_challenge_method: 'S256'
  })
  let url = `${issuer}/auth?${query}`
  for (let step = 0; step < 10; step++) {
    const isLogin = url.includes('/login/')
    const body = new URLSearchParams({ name: 'anna', password })
    const response = await request(url, isLogin ? { method: 'POST', body } : {})
    if (isLogin && response.status === 200) return null
    url = new URL(response.headers.get('location'), issuer).href
    if (url.startsWith(redirect)) break
  }
  const code = new URL(url).searchParams.get('code')
  if (!code) throw new Error(`no code: ${url}`)
  const form = new URLSearchParams({ grant_type: 'authorization_code', client_id: client, redirect_uri: redirect, code, code_verifier: verifier })
  const response = await request(`${issuer}/token`, { method: 'POST', body: form })
  const { access_token: token, ...rest } = await response.json()
  if (!token) throw new Error(JSON.stringify(rest))
  return token
}

if (await logIn('a guess') !== null) throw new Error('a wrong password was accepted')
console.log(JSON.stringify({ issuer: `${issuer}=${issuer}/jwks`, token: await logIn('a password') }))
process.stdin.resume().on('end', () => process.exit(0))
