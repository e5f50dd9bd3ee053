// Page: three devices side by side, and the server's view of them.
import { Device } from './device.js'
import { download, upload } from './files.js'
import { Identity } from './identity.js'
import { size } from './frames.js'
import { remove as removeMember } from './rotation.js'
import { ServerView } from './server-view.js'

const TYPING = 1500
const $ = id => document.getElementById(id)
const view = new ServerView($('stored'), $('frames'), $('server-count'))
let hiding = 0

/** Shows a message for some seconds. */
function say (message) {
  $('status').textContent = message
  clearTimeout(hiding)
  hiding = setTimeout(() => { $('status').textContent = '' }, 6000)
}

/** Runs an action of a button, which is disabled meanwhile, and shows its failure. */
async function act (button, action) {
  button.disabled = true
  try {
    await action()
  } catch (error) {
    say(error.message)
  } finally {
    button.disabled = false
  }
}

const set = (element, name, value) => { if (element[name] !== value) element[name] = value }

/** Replaces the text of a field, and keeps the selection where it was in the text. */
function replaceText (field, value) {
  if (field.value === value) return
  const { selectionStart, selectionEnd, value: before } = field
  let same = 0
  while (same < before.length && before[same] === value[same]) same++
  const moved = at => at <= same ? at : Math.max(same, at + value.length - before.length)
  field.value = value
  if (document.activeElement === field) field.setSelectionRange(moved(selectionStart), moved(selectionEnd))
}

class Pane {
  constructor (device, { id, title, hint, person }) {
    this.device = device
    const root = this.root = $('device').content.cloneNode(true).firstElementChild
    const find = this.find = selector => root.querySelector(selector)
    root.id = id
    root.classList.add(person)
    root.setAttribute('aria-labelledby', `${id}-title`)
    Object.assign(find('h2'), { id: `${id}-title`, textContent: title })
    find('.hint').textContent = hint
    this.text = Object.assign(find('textarea'), { id: `${id}-text` })
    Object.assign(find('.content label'), { htmlFor: `${id}-text`, textContent: `Note on ${title}` })
    this.file = Object.assign(find('.file'), { id: `${id}-file` })
    Object.assign(find('.choose'), { htmlFor: `${id}-file` })
    find('.choose').setAttribute('aria-label', `Add a file on ${title}`)
    find('.online').setAttribute('aria-label', `${title} online`)
    this.#listen()
    $('devices').append(root)
    this.show()
  }

  #listen () {
    const { device, root, text, file, find } = this
    device.addEventListener('change', () => this.show())
    device.addEventListener('message', ({ detail }) => say(`${device.name}: ${detail}`))
    let typing = 0
    text.addEventListener('input', () => {
      device.write(text.value).catch(error => say(error.message))
      if (device.presence !== 'typing') device.present('typing')
      clearTimeout(typing)
      typing = setTimeout(() => device.present('here'), TYPING)
    })
    find('.online').addEventListener('click', ({ currentTarget }) => act(currentTarget, async () => {
      if (device.isOnline) device.disconnect()
      else await device.connect()
    }))
    find('.accept').addEventListener('click', ({ currentTarget }) => act(currentTarget, async () => {
      await device.accept()
      say(`${device.name} opened the invitation with a key that only Bob has`)
      text.focus()
    }))
    file.addEventListener('change', () => { this.#upload([...file.files]); file.value = '' })
    root.addEventListener('dragover', event => { event.preventDefault(); root.classList.add('is-target') })
    root.addEventListener('dragleave', () => root.classList.remove('is-target'))
    root.addEventListener('drop', event => {
      event.preventDefault()
      root.classList.remove('is-target')
      this.#upload([...event.dataTransfer.files])
    })
  }

  async #upload (files) {
    try {
      for (const file of files) await upload(this.device, file.name, new Uint8Array(await file.arrayBuffer()))
    } catch (error) {
      say(error.message)
    }
  }

  async #download (file, name) {
    const content = await download(this.device, file)
    say(`${name}: ${size(content.length)} decrypted and verified on ${this.device.name}`)
    const link = Object.assign(document.createElement('a'), { href: URL.createObjectURL(new Blob([content])), download: name })
    link.click()
    setTimeout(() => URL.revokeObjectURL(link.href), 10_000)
  }

  show () {
    const { device, root, find, text } = this
    const { isRemoved } = device
    const isMember = device.space !== null && !isRemoved
    root.classList.toggle('is-offline', !device.isOnline)
    root.classList.toggle('is-removed', isRemoved)
    find('.online').setAttribute('aria-pressed', String(device.isOnline))
    set(find('.online'), 'textContent', device.isOnline ? 'Online' : 'Offline')
    set(text, 'disabled', !isMember)
    set(this.file, 'disabled', !isMember || !device.isOnline)
    replaceText(text, device.note.text)
    set(find('.invitation'), 'hidden', !device.invitation)
    if (device.invitation) set(find('.invitation p'), 'textContent', `Alice shares “${device.invitation.name}” with you.`)
    find('.dots').replaceChildren(...[...device.peers.values()].map(({ name, state }) => {
      const dot = Object.assign(document.createElement('li'), { textContent: state === 'typing' ? `${name}…` : name })
      dot.classList.toggle('is-typing', state === 'typing')
      return dot
    }))
    this.#showFiles(isMember)
    set(find('.facts'), 'textContent', this.#facts(isMember, isRemoved))
  }

  #facts (isMember, isRemoved) {
    const { device } = this
    if (isRemoved) return `Access has ended. What was read stays read; key ${device.keys.newest + 1} never arrives here.`
    if (!isMember) return device.invitation ? 'An invitation is in the mailbox.' : 'No space, and no key.'
    const isSaved = device.note.text === device.note.base
    const state = isSaved ? `at #${device.cursor}` : device.isOnline ? 'saving' : 'edited offline'
    return `${device.spaceName}, ${state}, key ${device.keys.newest}`
  }

  #showFiles (isMember) {
    const files = [...this.device.files.values()].filter(({ name }) => name)
    const list = this.find('.files')
    // Buttons keep the focus while nothing changes.
    const shown = files.map(({ file, stored }) => `${file} ${stored}`).join() + isMember
    if (list.dataset.shown === shown) return
    list.dataset.shown = shown
    list.replaceChildren(...files.map(({ file, name, size: bytes, stored }) => {
      // Its record arrives first, and the content once the upload is complete.
      const button = Object.assign(document.createElement('button'), { type: 'button', disabled: !isMember || !stored })
      const note = stored ? size(bytes) : `${size(bytes)}, on its way`
      button.append(`${name} `, Object.assign(document.createElement('small'), { textContent: note }))
      button.addEventListener('click', () => act(button, () => this.#download(file, name)))
      const item = document.createElement('li')
      item.append(button)
      return item
    }))
  }
}

async function start () {
  const [alice, bob] = await Promise.all([Identity.create(), Identity.create()])
  const device = (name, user, identity) => {
    const made = new Device({ name, user, identity, tap: frame => view.frame(name, frame), stored: item => view.stored(item) })
    return made
  }
  const [laptop, phone, tablet] = [device('laptop', 'alice', alice), device('phone', 'alice', alice), device('Bob', 'bob', bob)]
  const first = new Pane(laptop, { id: 'laptop', title: 'Alice’s laptop', hint: 'Creates the space and its first key.', person: 'alice' })
  new Pane(phone, { id: 'phone', title: 'Alice’s phone', hint: 'Has the key from the laptop.', person: 'alice' })
  new Pane(tablet, { id: 'bob', title: 'Bob’s tablet', hint: 'Another person, with keys of his own.', person: 'bob' })
  await Promise.all([laptop, phone, tablet].map(made => made.connect()))
  await laptop.createSpace('notes')
  await phone.join(laptop)
  shareWithBob(first, laptop, bob)
  document.body.dataset.ready = 'true'
}

/** Buttons of the laptop that invite Bob and remove him. */
function shareWithBob ({ find }, laptop, bob) {
  const [invite, remove] = [find('.invite'), find('.remove')]
  let granted = null
  find('.actions').hidden = false
  invite.addEventListener('click', () => act(invite, async () => {
    granted = await laptop.invite(bob)
    invite.hidden = true
    remove.hidden = false
    say('The invitation is in Bob’s mailbox. Its notice takes up to five seconds, so that times do not link the two.')
    remove.focus()
  }))
  remove.addEventListener('click', () => act(remove, async () => {
    await removeMember(laptop, bob.did, granted)
    granted = null
    invite.hidden = false
    remove.hidden = true
    say(`Bob is removed, and everything is wrapped with key ${laptop.keys.newest}.`)
    invite.focus()
  }))
}

start().catch(error => say(`cannot start: ${error.message}`))
