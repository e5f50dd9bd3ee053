// Device of a person: a space with its keys, a note, files and the presence of others; offline edits; sharing.
import { Connection, ServerError } from './connection.js'
import { KeyRing, epochOf, random, text, utf8 } from './crypto.js'
import { FILE } from './files.js'
import { merge } from './merge.js'
import { openInvitation, openShare, sealInvitation } from './sharing.js'

const NOTE = 'playground-note'
const HEARTBEAT = 30_000

export class Device extends EventTarget {
  #connection = null; #pushing = false; #heartbeat = 0; #wants = false
  /** Text of the note, its last version on the server, and the position of that. */
  note = { id: null, text: '', base: '', cursor: 0 }
  files = new Map()
  peers = new Map()
  space = null; owner = null; ucan = null; keys = null
  cursor = 0
  /** True after the rights in the space have ended. */
  isRemoved = false

  /** `tap` gets every frame, `stored` everything that the server has accepted. */
  constructor ({ name, user, identity, tap, stored }) {
    super()
    Object.assign(this, { name, user, identity, tap, stored })
  }

  changed () { this.dispatchEvent(new Event('change')) }
  #say (message) { this.dispatchEvent(new CustomEvent('message', { detail: message })) }

  async #token () {
    const body = { user: this.user, did: this.identity.did, mailbox: this.identity.mailbox }
    const response = await fetch('/dev/token', { method: 'POST', body: JSON.stringify(body) })
    if (!response.ok) throw new Error(`cannot get a token: HTTP ${response.status}`)
    this.token = (await response.json()).token
    return this.token
  }

  /** Connects, catches up, and sends what was edited offline. */
  async connect () {
    this.#wants = true
    const connection = await Connection.open(await this.#token(), this.tap)
    this.#connection = connection
    connection.onNotification = (method, params) => this.#notified(method, params).catch(error => this.#say(error.message))
    connection.closed.then(() => this.#lost(connection))
    this.changed()
    if (this.space && !this.isRemoved) await this.#subscribe()
    else await this.invitations()
  }

  #lost (connection) {
    if (connection !== this.#connection) return
    this.#connection = null
    this.peers.clear()
    clearInterval(this.#heartbeat)
    this.changed()
    // A restarted server, for example. An expired token ends the connection too, and a new one is requested.
    if (this.#wants) setTimeout(() => this.#wants && this.connect().catch(() => this.#lost(this.#connection)), 2000)
  }

  disconnect () {
    this.#wants = false
    this.#connection?.close()
  }

  get isOnline () { return this.#connection !== null }
  call (method, params, onChunk) {
    if (!this.#connection) throw new Error('offline')
    return this.#connection.call(method, params, onChunk)
  }

  // ---- space

  async createSpace (name) {
    this.space = crypto.randomUUID()
    this.spaceName = name
    this.owner = this.identity.did
    this.keys = new KeyRing(this.space)
    this.keys.add(1, random(32))
    await this.call('space.create', { id: this.space, root_public_key: this.identity.point })
    this.ucan = await this.identity.grant(this.space, this.identity.did, 'admin', null, 7200)
    this.note.id = crypto.randomUUID()
    await this.#subscribe()
    await this.#pushNote()
  }

  /** Takes over space and keys of another device of the same person. */
  async join (other) {
    const { space, spaceName, owner, keys, ucan } = other
    Object.assign(this, { space, spaceName, owner, ucan, keys: keys.copy() })
    await this.#subscribe()
  }

  async #subscribe () {
    const entry = { id: this.space, since: this.cursor, ucan: this.ucan, presence: true }
    const { spaces: [state] } = await this.call('subscribe', { spaces: [entry] })
    if (!state) return this.#ended()
    await this.adopt(state.key_generation)
    for (const { peer, data } of state.peers ?? []) await this.#present(peer, data)
    await this.pull()
    this.#heartbeat = setInterval(() => this.present(this.presence), HEARTBEAT)
    await this.present('here')
    if (this.note.text !== this.note.base) await this.#pushNote()
  }

  async pull () {
    const rows = []
    let commit = null
    await this.call('pull', { spaces: [{ id: this.space, since: this.cursor, ucan: this.ucan }] }, (name, data) => {
      if (name === 'pull.record') rows.push(() => this.#record(data))
      if (name === 'pull.file') rows.push(() => this.#file(data))
      if (name === 'pull.commit') commit = data
    })
    if (!commit) throw new Error('incomplete pull')
    for (const row of rows) await row()
    this.cursor = Math.max(this.cursor, commit.cursor)
    this.changed()
  }

  async #notified (method, params) {
    if (method === 'invitation') return this.invitations()
    if (params.space !== this.space) return
    if (method === 'sync') {
      await this.adopt(params.key_generation)
      for (const row of params.records) await this.#record(row)
      await this.#reached(params)
    }
    if (method === 'file') {
      for (const row of params.files) await this.#file(row)
      await this.#reached({ prev: params.cursor - 1, ...params })
    }
    if (method === 'membership') await this.#reached({ prev: params.cursor - 1, ...params })
    if (method === 'presence') await this.#present(params.peer, params.data)
    if (method === 'presence.leave') this.peers.delete(params.peer)
    if (method === 'revoked') await this.#confirmEnd()
    this.changed()
  }

  /** Advances the position over an event that follows it; a gap is pulled. */
  async #reached ({ prev, cursor }) {
    if (prev <= this.cursor) this.cursor = Math.max(this.cursor, cursor)
    else await this.pull()
  }

  async #record ({ id, blob, dek, cursor, deleted }) {
    if (deleted || !blob) return
    await this.adopt(epochOf(dek))
    let content
    try {
      content = JSON.parse(text(await this.keys.openRecord(id, blob, dek)))
    } catch (error) {
      return this.#say(`cannot decrypt: ${error.message}`)
    }
    if (content.type === FILE) this.files.set(content.file, { ...this.files.get(content.file), ...content })
    if (content.type !== NOTE || cursor <= this.note.cursor) return
    const mine = this.note.text
    this.note = { id, text: merge(this.note.base, mine, content.text), base: content.text, cursor }
    if (this.note.text !== content.text) await this.#pushNote()
  }

  async #file ({ id, size, deleted }) {
    if (deleted) this.files.delete(id)
    else this.files.set(id, { ...this.files.get(id), file: id, stored: size })
  }

  // ---- writing

  /** Changes the text of the note, now or as soon as there is a connection. */
  async write (value) {
    this.note.text = value
    this.changed()
    if (this.isOnline && this.keys) await this.#pushNote()
  }

  async #pushNote () {
    if (this.#pushing || !this.isOnline || !this.note.id) return
    this.#pushing = true
    try {
      while (this.isOnline && (this.note.text !== this.note.base || this.note.cursor === 0)) {
        const { id, text: value, cursor } = this.note
        const pushed = await this.push(id, { type: NOTE, text: value }, cursor)
        if (pushed.ok) Object.assign(this.note, { base: value, cursor: pushed.cursor })
        else if (pushed.error === 'conflict') await this.#rebase()
        else if (pushed.error === 'epoch_stale') await this.#renew()
        else if (pushed.error === 'forbidden') return this.#confirmEnd()
        else throw new Error(`not saved: ${pushed.error}`)
      }
    } finally {
      this.#pushing = false
      this.changed()
    }
  }

  /** Pulls the version that a conflict names; `#record` merges it. */
  async #rebase () {
    this.cursor = Math.min(this.cursor, this.note.cursor)
    await this.pull()
  }

  /** Fetches the key of a rotation; its author may be about to share it. */
  async #renew () {
    const entry = { id: this.space, since: this.cursor, ucan: this.ucan }
    const { spaces: [state] } = await this.call('subscribe', { spaces: [entry] })
    if (!state) return this.#confirmEnd()
    await this.adopt(state.key_generation)
    if (!this.keys.has(state.key_generation)) await new Promise(resolve => setTimeout(resolve, 200))
  }

  async push (id, content, expected) {
    const { blob, dek } = await this.keys.sealRecord(id, utf8(JSON.stringify(content)))
    const change = { id, blob, dek, expected_cursor: expected }
    const pushed = await this.call('push', { space: this.space, ucan: this.ucan, changes: [change], epoch: this.keys.newest })
    if (pushed.ok) {
      if (pushed.cursor === this.cursor + 1) this.cursor = pushed.cursor
      this.stored({ id, kind: 'record', size: blob.length, head: blob.slice(0, 24), cursor: pushed.cursor, epoch: epochOf(dek) })
    }
    return pushed
  }

  // ---- presence

  async present (state) {
    this.presence = state
    if (!this.isOnline || !this.keys?.newest) return
    const data = await this.keys.sealLive(0, JSON.stringify({ name: this.name, state }))
    this.#connection?.notify('presence.set', { space: this.space, data })
  }

  async #present (peer, data) {
    try {
      this.peers.set(peer, JSON.parse(await this.keys.openLive(0, data)))
    } catch {
      this.peers.set(peer, { name: 'somebody', state: 'here' })
    }
  }

  // ---- sharing

  /** Sends rights and key to the mailbox of a person, sealed so that only they can read them. */
  async invite ({ did, mailbox }) {
    const { space, spaceName: name } = this
    const ucan = await this.identity.grant(space, did, 'write', this.ucan)
    const epoch = this.keys.newest
    const offer = { space, name, root: this.identity.point, ucan, epoch, key: this.keys.key(epoch) }
    const payload = await sealInvitation(this.identity, did, offer)
    await this.call('invitation.create', { mailbox_id: mailbox, payload })
    return ucan
  }

  /** Reads the mailbox. The notice of an invitation is delayed by seconds, so that it does not link sender and recipient. */
  async invitations () {
    const { invitations } = await this.call('invitation.list', {})
    for (const { id, payload } of invitations) {
      this.invitation = { id, ...await openInvitation(this.identity, payload) }
    }
    this.changed()
  }

  async accept () {
    const { id, space, name, owner, ucan, epoch, key } = this.invitation
    this.invitation = null
    this.isRemoved = false
    Object.assign(this, { space, owner, ucan, spaceName: name, keys: new KeyRing(space), cursor: 0, files: new Map() })
    this.note = { id: null, text: '', base: '', cursor: 0 }
    this.keys.add(epoch, key)
    await this.call('invitation.delete', { id })
    await this.#subscribe()
  }

  /** Fetches the key of an epoch that another device has begun. */
  async adopt (epoch) {
    if (this.keys.has(epoch)) return
    let share
    try {
      share = await this.call('epochKeys.get', { space: this.space, ucan: this.ucan, epoch })
    } catch (error) {
      if (error instanceof ServerError) return // none for this member: records under it stay closed
      throw error
    }
    this.keys.add(epoch, await openShare(this.identity, this.owner, { space: this.space, epoch }, share.wrapped_key))
  }

  /** Asks the server whether access has ended: others are told of every revocation in the space. */
  async #confirmEnd () {
    try {
      await this.call('membership.list', { space: this.space, ucan: this.ucan })
    } catch (error) {
      if (error.code === 'forbidden') this.#ended()
    }
  }

  #ended () {
    this.isRemoved = true
    this.peers.clear()
    clearInterval(this.#heartbeat)
    this.changed()
  }
}
