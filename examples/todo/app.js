// Page of the todos: draws them after every change, and takes edits.
import { Todos } from './todos.js'

const { server = 'http://127.0.0.1:5379', user = 'dev' } = Object.fromEntries(new URLSearchParams(location.search))
const find = id => document.getElementById(id)
const todos = await Todos.open(server, user)

/** Element with members and children. */
function element (name, members = {}, ...children) {
  const made = Object.assign(document.createElement(name), members)
  made.append(...children)
  return made
}

const button = (text, onclick, label = text) => element('button', { type: 'button', textContent: text, onclick, ariaLabel: label })

/** Text of an input, which is empty afterwards. */
const taken = input => { const { value } = input; input.value = ''; return value }

/** Shows why an action failed. */
const act = action => event => {
  event.preventDefault()
  const show = message => { find('problem').textContent = message }
  action().then(() => show(''), error => show(error.message))
}

function row (todo) {
  const { id, text, done, theirs } = todo
  const box = element('input', { type: 'checkbox', checked: done, ariaLabel: `done: ${text}`, onchange: () => todos.change(id, { done: box.checked }) })
  const input = element('input', { className: 'text', defaultValue: text, ariaLabel: 'todo' })
  input.onchange = () => { input.defaultValue = input.value; todos.change(id, { text: input.value }) }
  const made = element('li', { id }, box, input, button('✕', () => todos.remove(id), `remove: ${text}`))
  if (theirs === undefined) return made
  const take = value => () => todos.change(id, { text: value, theirs: undefined })
  const choice = [element('q', { textContent: theirs }), button('take it', take(theirs)), button('keep mine', take(text))]
  made.append(element('p', { className: 'conflict' }, 'Changed elsewhere to: ', ...choice))
  return made
}

function list ({ id, name }) {
  const input = element('input', { placeholder: 'something to do', required: true, ariaLabel: `new todo in ${name}` })
  const form = element('form', { onsubmit: act(() => todos.add(taken(input), id)) }, input, element('button', { textContent: 'add' }))
  const address = element('input', { placeholder: 'did:key:…@…', required: true, ariaLabel: `address to share ${name} with` })
  const share = element('form', { onsubmit: act(() => todos.share(id, taken(address))) }, address, element('button', { textContent: 'share' }))
  return element('section', { id: `list-${id}` }, element('h2', { textContent: name }), element('ul'), form, share)
}

function draw () {
  find('status').textContent = todos.isOnline ? 'online' : 'offline: changes are kept here'
  find('address').textContent = todos.address
  const lists = todos.lists.length ? todos.lists : [{ id: null, name: `Todos of ${user}` }]
  const sections = lists.map(one => find(`list-${one.id}`) ?? list(one))
  if (sections.some(section => !section.isConnected) || find('lists').children.length > lists.length) find('lists').replaceChildren(...sections)
  lists.forEach(({ id }, at) => {
    const rows = [...todos.todos.values()].filter(todo => !todo.deleted && todo.space === id)
    const typed = rows.map(({ id }) => find(id)).find(row => row?.contains(document.activeElement) && row.children[1].value !== row.children[1].defaultValue)
    sections[at].querySelector('ul').replaceChildren(...rows.map(todo => todo.id === typed?.id ? typed : row(todo)))
    typed?.children[1].focus()
  })
  find('invitations').replaceChildren(...todos.invitations.map(invitation => {
    return element('p', {}, `You are invited to “${invitation.name}”. `, button('accept', act(() => todos.accept(invitation))))
  }))
}

todos.addEventListener('change', draw)
todos.addEventListener('problem', ({ detail }) => { find('problem').textContent = detail })
find('offline').onclick = () => { todos.isOnline ? todos.client.stop() : todos.client.start().catch(() => {}) }
draw()
