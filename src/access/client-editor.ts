import type { StoredText } from '../stores/store.js'
import { WechatError } from '../wechat/errors.js'
import { type Client, hubClient } from './client.js'
import { hashKey, makeKey } from './key.js'
import { isClientName, readClients, textOf } from './stored-clients.js'

/** How often a change is begun, if others have changed the clients meanwhile: of any number of them one gets on each time. */
const mostTries = 100

/** Why the clients were not changed: `bad-name`, `reserved`, `taken` and `unknown` names, a third key, or another process in the way. */
export type ClientEditCode = 'bad-name' | 'reserved' | 'taken' | 'unknown' | 'two-keys' | 'busy'

export class ClientEditError extends Error {
  override readonly name = 'ClientEditError'
  readonly code: ClientEditCode

  constructor(code: ClientEditCode, message: string) {
    super(message)
    this.code = code
  }
}

export interface ClientEditorOptions {
  /** Where the clients are stored. */
  readonly text: StoredText
  /** Names that a stored client may not have: those of the configuration. */
  readonly reserved?: Iterable<string>
}

/**
 * Changes the stored clients, one change at a time among all processes that share them. Every method throws
 * `ClientEditError` when nothing was changed, `StoredClientsError` when what is stored is broken, and what the store throws.
 */
export class ClientEditor {
  readonly #text: StoredText
  readonly #reserved: ReadonlySet<string>

  constructor({ text, reserved = [] }: ClientEditorOptions) {
    this.#text = text
    this.#reserved = new Set(reserved)
  }

  /** Adds a client and answers its key, which cannot be had again. */
  async add(client: Omit<Client, 'keyHashes'>): Promise<string> {
    const { name, accounts, scopes } = client
    if (!isClientName(name)) {
      throw new ClientEditError('bad-name', 'a client is named with 1 to 64 letters, digits, "_", "." and "-"')
    }
    if (isReserved(name)) throw new ClientEditError('reserved', `"${name}" is reserved: give the client another name`)
    if (this.#reserved.has(name)) {
      throw new ClientEditError('taken', `"${name}" is the name of a client of the hub's configuration`)
    }
    return this.#edit((clients) => {
      if (clients.some((other) => other.name === name)) {
        throw new ClientEditError('taken', `there is a client "${name}" already`)
      }
      const key = makeKey()
      return { clients: [...clients, { name, keyHashes: [hashKey(key)], accounts, scopes }], result: key }
    })
  }

  /** Gives the client a second key and answers it; the first one goes on to work until `finish`. */
  rotate(name: string): Promise<string> {
    const key = makeKey()
    return this.#change(name, (client) => {
      if (client.keyHashes.length > 1)
        throw new ClientEditError('two-keys', `the client "${name}" has two keys already`)
      return { client: { ...client, keyHashes: [hashKey(key), ...client.keyHashes] }, result: key }
    })
  }

  /** Keeps only the client's newest key. Answers whether there was an older one. */
  finish(name: string): Promise<boolean> {
    return this.#change(name, (client) => {
      return { client: { ...client, keyHashes: client.keyHashes.slice(0, 1) }, result: client.keyHashes.length > 1 }
    })
  }

  /** Drops the client's newest key: nobody got it. Answers whether there was an older one, which is kept. */
  undo(name: string): Promise<boolean> {
    return this.#change(name, (client) => {
      const undone = client.keyHashes.length > 1
      return { client: undone ? { ...client, keyHashes: client.keyHashes.slice(1) } : client, result: undone }
    })
  }

  /** Removes the client: its keys are dead. */
  revoke(name: string): Promise<void> {
    return this.#change(name, () => ({ client: undefined, result: undefined }))
  }

  #change<T>(name: string, change: (client: Client) => { client: Client | undefined; result: T }): Promise<T> {
    return this.#edit((clients) => {
      const found = clients.find((client) => client.name === name)
      if (found === undefined) throw new ClientEditError('unknown', `there is no stored client "${name}"`)
      const { client, result } = change(found)
      return { clients: clients.flatMap((other) => (other === found ? (client ?? []) : other)), result }
    })
  }

  async #edit<T>(change: (clients: readonly Client[]) => { clients: readonly Client[]; result: T }): Promise<T> {
    for (let tries = 0; tries < mostTries; tries += 1) {
      const found = await readClients(this.#text)
      const { clients, result } = change(found?.clients ?? [])
      if (await this.#write(textOf(clients), found?.identity)) return result
    }
    throw busy()
  }

  async #write(text: string, expected: string | undefined): Promise<boolean> {
    try {
      return await this.#text.write(text, expected)
    } catch (error) {
      throw error instanceof WechatError && error.code === 'LOCK_BUSY' ? busy() : error
    }
  }
}

/** Whether the configuration could not have it either: it names the client of `WECHAT_HUB_KEY`, or what every object has. */
function isReserved(name: string): boolean {
  return name === hubClient || Object.hasOwn(Object.prototype, name)
}

function busy(): ClientEditError {
  return new ClientEditError('busy', 'another process is changing the clients; nothing was changed, try again')
}
