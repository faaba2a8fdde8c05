import type { Clock } from '../wechat/clock.js'
import { AuditFile, type AuditFileEvent } from './audit-file.js'

/** A credential that is handed out again within this time, in ms, is counted instead of told once more. */
const repetition = 1000

const minute = 60_000
/** Lines in a minute for refusals of one client. */
const refusalsOfClient = 600
/** And for those of all unknown callers: no stranger fills the disk. */
const refusalsOfStrangers = 20

const longestText = 256
const longestAddress = 64

/** What happened, without its time. No text in it has to be clean, or short. */
export interface AuditEntry {
  /** A credential was given out; one was refreshed, or died; a request was not let through; a client was changed; or it is about the audit log itself. */
  readonly action: 'hand-out' | 'refresh' | 'refusal' | 'client' | 'audit'
  /** Which credential, request or change. */
  readonly what: string
  /** The client's name: who asked, or who was changed. */
  readonly client?: string | undefined
  /** The account's name. */
  readonly account?: string | undefined
  readonly result: string
  readonly detail?: string | undefined
  readonly requestId?: string | undefined
  readonly address?: string | undefined
}

export interface AuditOptions {
  /** Where its files are: a folder of its own. */
  readonly folder: string
  readonly clock: Clock
  /** Takes the secrets out of a text. */
  readonly clean: (text: string) => string
  readonly observe: (event: AuditFileEvent) => void
}

/** Hand-outs that are the same but for their request. */
interface Repeated {
  first: AuditEntry
  time: number
  /** How many have come since the last line. */
  times: number
}

/**
 * Who was given which credential, when it was refreshed, who was refused: JSON lines in files of a month each (UTC). It is
 * cheap for the one who is served: a hand-out that is repeated within a second is counted, and its line has `times`.
 * A line is on its way to the disk 100 ms later; what is counted, a second.
 */
export class Audit {
  readonly #clock: Clock
  readonly #clean: (text: string) => string
  readonly #file: AuditFile
  readonly #handOuts = new Map<string, Repeated>()
  /** By the name of a client; '' for all who are none. Each ends by a timer of its own. */
  readonly #refusals = new Map<string, { told: number; heldBack: number; callOff: () => void }>()
  #callOff: (() => void) | undefined

  constructor({ folder, clock, clean, observe }: AuditOptions) {
    this.#clock = clock
    this.#clean = clean
    this.#file = new AuditFile({
      ...{ folder, clock },
      observe: (event) => {
        observe(event)
        if (event.type === 'recovered' && event.lost > 0) this.#tellOfLost(event.lost)
      },
    })
  }

  /** Never throws, and waits for nothing. */
  note(entry: AuditEntry): void {
    if (entry.action === 'hand-out') this.#handOut(entry)
    else if (entry.action === 'refusal') this.#refusal(entry)
    else this.#write(entry)
  }

  /** Writes what is counted and held. What is noted later is lost. */
  async close(): Promise<void> {
    this.#callOff?.()
    this.#tellOfRepeated()
    this.#callOff?.()
    for (const [client, { callOff }] of [...this.#refusals]) {
      callOff()
      this.#endMinute(client)
    }
    await this.#file.close()
  }

  #handOut(entry: AuditEntry): void {
    const key = `${entry.client}\n${entry.what}\n${entry.account}\n${entry.result}\n${entry.address}`
    const repeated = this.#handOuts.get(key)
    if (repeated === undefined) {
      this.#handOuts.set(key, { first: entry, time: 0, times: 0 })
      this.#write(entry)
      this.#callOff ??= this.#clock.after(repetition, () => this.#tellOfRepeated(), { background: true })
      return
    }
    if (repeated.times === 0) {
      repeated.first = entry
      repeated.time = this.#clock.now()
    }
    repeated.times += 1
  }

  #tellOfRepeated(): void {
    for (const [key, repeated] of this.#handOuts) {
      const { first, time, times } = repeated
      if (times === 0) this.#handOuts.delete(key)
      else this.#write(first, { time, times })
      repeated.times = 0
    }
    const again = () => this.#tellOfRepeated()
    this.#callOff = this.#handOuts.size === 0 ? undefined : this.#clock.after(repetition, again, { background: true })
  }

  #refusal(entry: AuditEntry): void {
    const name = entry.client ?? ''
    let current = this.#refusals.get(name)
    if (current === undefined) {
      const callOff = this.#clock.after(minute, () => this.#endMinute(name), { background: true })
      current = { told: 0, heldBack: 0, callOff }
      this.#refusals.set(name, current)
    }
    if (current.told < (name === '' ? refusalsOfStrangers : refusalsOfClient)) {
      current.told += 1
      this.#write(entry)
    } else {
      current.heldBack += 1
    }
  }

  #endMinute(name: string): void {
    const times = this.#refusals.get(name)?.heldBack ?? 0
    this.#refusals.delete(name)
    const client = name === '' ? undefined : name
    if (times > 0) this.#write({ action: 'refusal', what: 'further requests', client, result: 'held-back' }, { times })
  }

  #tellOfLost(times: number): void {
    this.#write({ action: 'audit', what: 'lines', result: 'lost', detail: 'they could not be written' }, { times })
  }

  #write(entry: AuditEntry, { time = this.#clock.now(), times = 1 } = {}): void {
    const iso = new Date(time).toISOString()
    const line = {
      time: iso,
      action: entry.action,
      what: this.#fit(entry.what),
      client: this.#fit(entry.client),
      account: this.#fit(entry.account),
      result: this.#fit(entry.result),
      detail: this.#fit(entry.detail),
      requestId: this.#fit(entry.requestId),
      address: this.#fit(entry.address, longestAddress),
      times: times === 1 ? undefined : times,
    }
    this.#file.append(iso.slice(0, 7), `${JSON.stringify(line)}\n`)
  }

  /** Cut only when clean: half a secret would not be known as one. */
  #fit(text: string | undefined, longest = longestText): string | undefined {
    return text === undefined ? undefined : this.#clean(text).slice(0, longest)
  }
}
