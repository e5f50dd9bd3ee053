// A small OpenID provider for less-sync, on oidc-provider: a login page, users in a file, ES256 access tokens.
import { createHash, generateKeyPairSync, randomBytes, scryptSync, timingSafeEqual } from 'node:crypto'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { pathToFileURL } from 'node:url'
import { Provider } from 'oidc-provider'

/** Hash of a password: salt and scrypt key, in hexadecimal digits. */
export function hash (password, salt = randomBytes(16).toString('hex')) {
  return `${salt}:${scryptSync(password, salt, 32).toString('hex')}`
}

function matches (password, stored) {
  return timingSafeEqual(Buffer.from(hash(password, stored.split(':')[0])), Buffer.from(stored))
}

/** Content of a JSON file that is created on first use, readable for its owner only. */
function kept (file, create) {
  if (!existsSync(file)) writeFileSync(file, JSON.stringify(create(), null, 2), { mode: 0o600, flag: 'wx' })
  return JSON.parse(readFileSync(file, 'utf8'))
}

function newKeys () {
  const key = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey.export({ format: 'jwk' })
  const kid = createHash('sha256').update(key.x).digest('hex').slice(0, 16)
  return { keys: [{ ...key, kid, use: 'sig', alg: 'ES256' }], cookies: [randomBytes(32).toString('hex')] }
}

/** Id of a personal space: UUIDv5 of issuer, user and app in the default namespace. Optional in tokens; clients need not derive it. */
function personalSpace (issuer, user, app) {
  const namespace = Buffer.from('d645a70ca29d51679f866205c732f3ba', 'hex')
  const id = createHash('sha1').update(namespace).update([issuer, user, app].join('\0')).digest().subarray(0, 16)
  id[6] = id[6] & 0x0f | 0x50
  id[8] = id[8] & 0x3f | 0x80
  return id.toString('hex').replace(/(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-')
}

/** Handler of HTTP requests. `users`: name to `{ id, password, did, mailbox_id }`, read before each login. */
export function openProvider ({ issuer, keyFile, usersFile, client, redirect }) {
  const { keys, cookies } = kept(keyFile, newKeys)
  const users = () => JSON.parse(readFileSync(usersFile, 'utf8'))
  const byId = id => Object.values(users()).find(user => user.id === id)
  const provider = new Provider(issuer, {
    clients: [{
      client_id: client,
      application_type: 'native',
      token_endpoint_auth_method: 'none',
      id_token_signed_response_alg: 'ES256',
      grant_types: ['authorization_code', 'refresh_token'],
      redirect_uris: [redirect]
    }],
    jwks: { keys },
    cookies: { keys: cookies },
    scopes: ['openid', 'offline_access'],
    enabledJWA: { idTokenSigningAlgValues: ['ES256'] },
    findAccount: (_context, id) => byId(id) && { accountId: id, claims: () => ({ sub: id }) },
    extraTokenClaims: (_context, token) => {
      const { did, mailbox_id } = byId(token.accountId) ?? {}
      return { did, mailbox_id, personal_space_id: personalSpace(issuer, token.accountId, token.clientId) }
    },
    features: {
      devInteractions: { enabled: false },
      resourceIndicators: {
        enabled: true,
        defaultResource: () => 'urn:less-sync',
        useGrantedResource: () => true,
        getResourceServerInfo: () => ({
          scope: 'sync files', audience: 'less-sync', accessTokenTTL: 900,
          accessTokenFormat: 'jwt', jwt: { sign: { alg: 'ES256' } }
        })
      }
    },
    // Every scope that the app asks for is granted by logging in.
    async loadExistingGrant (context) {
      const { client, session } = context.oidc
      const grant = new provider.Grant({ clientId: client.clientId, accountId: session.accountId })
      grant.addOIDCScope('openid offline_access')
      grant.addResourceScope('urn:less-sync', 'sync files')
      await grant.save()
      return grant
    },
    interactions: { url: (_context, { uid }) => `/login/${uid}` },
    ttl: { AccessToken: 900, Session: 86400, Grant: 30 * 86400, RefreshToken: 30 * 86400, Interaction: 600, IdToken: 900 }
  })
  provider.proxy = true
  const handle = provider.callback()

  return async (request, response) => {
    if (!request.url.startsWith('/login/')) return handle(request, response)
    let text = ''
    if (request.method === 'POST') {
      let body = ''
      for await (const part of request) if ((body += part).length > 4096) return response.writeHead(413).end()
      const form = new URLSearchParams(body)
      const user = users()[form.get('name')]
      if (user && matches(form.get('password') ?? '', user.password)) {
        return provider.interactionFinished(request, response, { login: { accountId: user.id }, consent: {} })
      }
      text = '<p>Wrong name or password.</p>'
    }
    response.writeHead(200, { 'content-type': 'text/html; charset=utf-8', 'cache-control': 'no-store' })
    response.end(`<!doctype html><title>Log in</title>${text}<form method="post">
      <label>Name <input name="name" autocomplete="username"></label>
      <label>Password <input name="password" type="password" autocomplete="current-password"></label>
      <button>Log in</button></form>`)
  }
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) {
  const { ISSUER = 'http://127.0.0.1:5390', PORT = '5390', CLIENT = 'my-app', REDIRECT = 'http://127.0.0.1/callback' } = process.env
  const options = { issuer: ISSUER, keyFile: 'keys.json', usersFile: 'users.json', client: CLIENT, redirect: REDIRECT }
  createServer(openProvider(options)).listen(Number(PORT), '127.0.0.1', () => console.log(`listening on ${PORT}`))
}
