// Todos of one user: kept in IndexedDB, edited with or without a connection, synchronised and shared encrypted.
import {
  accept, Client, ClosedError, ConflictError, createSpace, ForbiddenError, Identity, invitations, invite, OfflineError, text, utf8
} from 'less-sync-client'
import { isDirty, merge } from './merge.js'
import { Store } from './store.js'

/** Todo in the content of a record; `null` for what other apps write. */
function read (content) {
  try {
    const { type, text: value, done } = JSON.parse(text(content))
    return type === 'todo' ? { text: String(value), done: done === true, deleted: false } : null
  } catch {
    return null
  }
}

export class Todos extends EventTarget {
  /** All todos by id: `{ id, space, text, done, deleted, base, version, theirs }`. */
  todos = new Map()
  invitations = []
  #pushing = false

  /** Opens the todos of a user, as they were left; connects in the background. */
  static async open (server, user) {
    const me = new Todos()
    me.server = server
    me.user = user
    me.store = await Store.open(`todos of ${user}`)
    const secret = await me.store.get('settings', 'identity')
    me.identity = secret ? await Identity.fromSecret(secret) : await Identity.create()
    await me.store.write({ settings: { identity: me.identity.secret } })
    me.mailbox = await me.identity.mailbox('less-sync-dev', user)
    for (const todo of await me.store.all('todos')) me.todos.set(todo.id, todo)
    me.client = new Client({
      url: server,
      identity: me.identity,
      token: () => me.#token(),
      onStatus: status => { if (status === 'online') me.#online().catch(me.#report); me.#changed() },
      onInvitation: () => me.#look().catch(me.#report),
      onError: me.#report
    })
    for (const state of await me.store.all('spaces')) await me.client.open(state, me.#handlers)
    me.client.start().catch(me.#report)
    return me
  }

  get address () { return `${this.identity.did}@${this.mailbox}` }
  get lists () { return [...this.client.spaces.values()] }
  get isOnline () { return this.client.status === 'online' }
  #changed () { this.dispatchEvent(new Event('change')) }
  /** Shows a failure, unless the next connection mends it. */
  #report = error => {
    const isPassing = error instanceof OfflineError || error instanceof ClosedError
    if (!isPassing) this.dispatchEvent(new CustomEvent('problem', { detail: error.message }))
  }

  async #token () {
    const body = JSON.stringify({ user: this.user, did: this.identity.did, mailbox: this.mailbox })
    const asked = fetch(new URL('/dev/token', this.server), { method: 'POST', body })
    const response = await asked.catch(() => { throw new OfflineError('the server cannot be reached') })
    return (await response.json()).token
  }

  async #online () {
    if (!this.client.spaces.size) await this.#joined(await createSpace(this.client, `Todos of ${this.user}`, this.#handlers))
    await this.#look()
    await this.#push()
  }

  #handlers = {
    changes: async (changes, space) => {
      const todos = {}
      for (const { kind, id, cursor, content, error } of changes) {
        const known = todos[id] ?? this.todos.get(id)
        if (kind !== 'record' || error || cursor <= known?.version) continue
        const theirs = content ? read(content) : { text: known?.text ?? '', done: false, deleted: true }
        if (!theirs) continue
        todos[id] = merge(known ?? { id, space: space.id, base: null, deleted: true }, theirs, cursor)
      }
      await this.#keep(todos, space)
      queueMicrotask(() => this.#push().catch(this.#report))
    },
    ended: space => this.#keep({}, space)
  }

  /** Stores todos, and the space with its cursor, in one transaction; a space without rights and deletions that are pushed are forgotten. */
  async #keep (todos, space) {
    for (const [id, todo] of Object.entries(todos)) {
      if (todo.deleted && !isDirty(todo)) todos[id] = undefined
      todos[id] ? this.todos.set(id, todo) : this.todos.delete(id)
    }
    this.#changed()
    await this.store.write({ todos, spaces: space ? { [space.id]: space.hasEnded ? undefined : space.state } : {} })
  }

  /** Todos that were made before there was a list belong to the first one. */
  async #joined (space) {
    const homeless = [...this.todos.values()].filter(todo => !todo.space)
    await this.#keep(Object.fromEntries(homeless.map(todo => [todo.id, { ...todo, space: space.id }])), space)
  }

  add (value, space = this.lists[0]?.id ?? null) {
    return this.#edit({ id: crypto.randomUUID(), space, text: value, done: false, deleted: false, base: null, version: 0 })
  }

  change (id, members) { return this.#edit({ ...this.todos.get(id), ...members }) }
  remove (id) { return this.change(id, { deleted: true, theirs: undefined }) }

  async #edit (todo) {
    await this.#keep({ [todo.id]: todo })
    await this.#push().catch(this.#report)
  }

  /** Pushes what was edited, until nothing is left; edits during a push are pushed after it. */
  async #push () {
    if (this.#pushing || !this.isOnline) return
    this.#pushing = true
    try {
      const next = () => [...this.todos.values()].find(todo => isDirty(todo) && todo.theirs === undefined && this.client.spaces.has(todo.space))
      for (let todo = next(); todo; todo = next()) await this.#pushOne(todo)
    } finally {
      this.#pushing = false
    }
  }

  async #pushOne ({ id, space: spaceId, text: value, done, deleted, version }) {
    const space = this.client.spaces.get(spaceId)
    const content = deleted ? null : utf8(JSON.stringify({ type: 'todo', text: value, done }))
    try {
      const pushed = await space.push([{ id, content, expected: version }])
      await this.#keep({ [id]: { ...this.todos.get(id), base: { text: value, done, deleted }, version: pushed } }, space)
    } catch (error) {
      const { base, ...todo } = this.todos.get(id)
      if (error instanceof ForbiddenError) await this.#keep({ [id]: { ...todo, base, deleted: true, ...base } }) // Back to what all know.
      if (!(error instanceof ConflictError)) throw error
      await space.pull() // The handler merges.
    }
  }

  share (spaceId, address) { return invite(this.client.spaces.get(spaceId), address, 'write') }

  async #look () {
    this.invitations = await invitations(this.client)
    this.#changed()
  }

  async accept (invitation) {
    await this.#keep({}, await accept(this.client, invitation, this.user, this.#handlers))
    await this.#look()
  }
}
