// IndexedDB with promises: one database per user, with the stores of the app.
const done = request => new Promise((resolve, reject) => {
  request.onsuccess = () => resolve(request.result)
  request.onerror = () => reject(request.error)
})

export class Store {
  static async open (name) {
    const request = indexedDB.open(name, 1)
    request.onupgradeneeded = () => {
      for (const store of ['settings', 'spaces', 'todos']) request.result.createObjectStore(store)
    }
    const store = new Store()
    store.database = await done(request)
    return store
  }

  get (store, key) { return done(this.database.transaction(store).objectStore(store).get(key)) }
  all (store) { return done(this.database.transaction(store).objectStore(store).getAll()) }

  /** Writes all values of `{ store: { key: value } }`, or none; `undefined` deletes. Resolves when they are on the disk. */
  write (changes) {
    const transaction = this.database.transaction(Object.keys(changes), 'readwrite', { durability: 'strict' })
    for (const [name, values] of Object.entries(changes)) {
      const store = transaction.objectStore(name)
      for (const [key, value] of Object.entries(values)) value === undefined ? store.delete(key) : store.put(value, key)
    }
    return new Promise((resolve, reject) => {
      transaction.oncomplete = () => resolve()
      transaction.onerror = transaction.onabort = () => reject(transaction.error)
    })
  }
}
