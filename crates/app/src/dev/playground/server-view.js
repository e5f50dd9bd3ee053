// View of the server: what it stores, and the frames that pass.
import { describe, dump, size } from './frames.js'
import { hex } from './crypto.js'

/** Frames that are kept on the page. */
const KEPT = 120

const element = (name, className, content = '') => Object.assign(document.createElement(name), { className, textContent: content })

export class ServerView {
  #items = new Map(); #count = 0
  constructor (storedList, frameList, badge) { Object.assign(this, { storedList, frameList, badge }) }

  /** Shows a record or file that the server has accepted, or the new key of one. */
  stored ({ id, ...item }) {
    const all = this.#items.set(id, { ...this.#items.get(id), ...item })
    this.storedList.replaceChildren(...[...all].map(([id, { kind, size: bytes, head, cursor, epoch }]) => {
      const row = document.createElement('li')
      const place = cursor ? `#${cursor} ` : ''
      row.append(
        element('span', 'meta', `${kind} ${id.slice(0, 8)} ${place}${size(bytes)}, key ${epoch}`),
        element('span', 'head', hex(head).replace(/(....)(?=.)/g, '$1 ') + ' …')
      )
      return row
    }))
  }

  /** Adds a frame between a device and the server. */
  frame (who, { isSent, frame, message }) {
    const described = describe(frame)
    if (!described) return
    this.#count++
    this.badge.textContent = `${this.#count} frame${this.#count === 1 ? '' : 's'}`
    const details = document.createElement('details')
    const summary = document.createElement('summary')
    summary.append(
      element('span', 'who', `${who} ${isSent ? '→' : '←'}`),
      element('span', described.name === 'error' || described.name === 'revoked' ? 'name bad' : 'name', described.name),
      element('span', 'detail', described.detail), element('span', 'size', size(message.length))
    )
    details.append(summary)
    // The bytes are written out only when they are looked at. Those of a token are not.
    details.addEventListener('toggle', () => {
      if (details.childElementCount > 1) return
      const shown = described.name === 'auth' ? 'An access token is a secret: it is not shown.' : dump(message)
      const bytes = element('pre', '', shown)
      bytes.tabIndex = 0
      details.append(bytes)
    })
    const item = document.createElement('li')
    item.append(details)
    this.frameList.prepend(item)
    while (this.frameList.childElementCount > KEPT) this.frameList.lastElementChild.remove()
  }
}
