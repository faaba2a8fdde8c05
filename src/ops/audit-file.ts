import { closeSync, fstatSync, mkdirSync, openSync, readSync, writeSync } from 'node:fs'
import { type FileHandle, mkdir, open } from 'node:fs/promises'
import { join } from 'node:path'
import type { Clock } from '../wechat/clock.js'

/** A line waits no longer than this, in ms. */
const longestWait = 100
/** So much is collected before it is written sooner, in characters. */
const blockLength = 64 * 1024
/** While nothing can be written so much is held, in characters; what comes then is lost. */
const mostHeld = 1024 * 1024
/** How long a disk that failed is left alone, in ms. */
const retryAfter = 1000

const newline = 0x0a

export type AuditFileEvent =
  /** What could not be written is held and tried again each second. `first`: of a row of failures. */
  | { readonly type: 'failed'; readonly error: unknown; readonly first: boolean }
  /** A line was dropped: too many are held. */
  | { readonly type: 'lost' }
  /** All that was held is written; `lost` lines are not among it. */
  | { readonly type: 'recovered'; readonly lost: number }

export interface AuditFileOptions {
  /** Made (mode 0700) when there is something to write. */
  readonly folder: string
  readonly clock: Clock
  readonly observe: (event: AuditFileEvent) => void
}

/** Lines that wait to be written to the file of one month. */
interface Held {
  readonly month: string
  text: string
}

/**
 * Lines in files of a month each (`2026-01.jsonl`, mode 0600), appended in batches. A file is opened for each batch, so
 * that it may be moved or removed at any time. Nothing waits for the disk, and no failure gets out.
 */
export class AuditFile {
  readonly #folder: string
  readonly #clock: Clock
  readonly #observe: (event: AuditFileEvent) => void
  readonly #flushAtExit = () => this.#flush()
  /** The oldest month first. */
  #held: Held[] = []
  #length = 0
  #writing: Promise<void> | undefined
  /** Calls off the next batch, if there is to be one. */
  #callOff: (() => void) | undefined
  #failing = false
  #lost = 0
  #closed = false

  constructor({ folder, clock, observe }: AuditFileOptions) {
    this.#folder = folder
    this.#clock = clock
    this.#observe = observe
    process.once('exit', this.#flushAtExit)
  }

  /** `month`: `2026-01`. `line`: with its `\n`. */
  append(month: string, line: string): void {
    if (this.#closed) return
    if (this.#length + line.length > mostHeld) {
      this.#lost += 1
      this.#observe({ type: 'lost' })
      return
    }
    this.#hold({ month, text: line })
    if (this.#length >= blockLength && !this.#failing) this.#write()
    else this.#writeLater()
  }

  /** Writes what is held, once: what cannot be written then is lost. */
  async close(): Promise<void> {
    await this.#writing
    this.#write()
    await this.#writing
    this.#closed = true
    this.#callOff?.()
    process.off('exit', this.#flushAtExit)
  }

  #hold({ month, text }: Held): void {
    const last = this.#held.at(-1)
    if (last?.month === month) last.text += text
    else this.#held.push({ month, text })
    this.#length += text.length
  }

  #writeLater(): void {
    if (this.#writing !== undefined || this.#length === 0) return
    const wait = this.#failing ? retryAfter : longestWait
    this.#callOff ??= this.#clock.after(wait, () => this.#write(), { background: true })
  }

  #write(): void {
    this.#callOff?.()
    this.#callOff = undefined
    this.#writing ??= this.#writeHeld().then(() => {
      this.#writing = undefined
      this.#writeLater()
    })
  }

  async #writeHeld(): Promise<void> {
    try {
      for (const held of [...this.#held]) await this.#append(held)
    } catch (error) {
      this.#observe({ type: 'failed', error, first: !this.#failing })
      this.#failing = true
      return
    }
    if (!this.#failing) return
    this.#observe({ type: 'recovered', lost: this.#lost })
    this.#failing = false
    this.#lost = 0
  }

  async #append(held: Held): Promise<void> {
    await mkdir(this.#folder, { recursive: true, mode: 0o700 })
    const file = await open(this.#path(held), 'a+', 0o600)
    try {
      const torn = await endsTorn(file)
      // From here on they are the system's, and the process may end: `#flush` writes only what is held.
      this.#held = this.#held.filter((other) => other !== held)
      this.#length -= held.text.length
      const rest = await write(file, torn ? `\n${held.text}` : held.text)
      if (rest !== undefined) {
        this.#held.unshift({ month: held.month, text: rest.text })
        this.#length += rest.text.length
        throw rest.error
      }
    } finally {
      await file.close()
    }
  }

  /** For the end of the process: all at once, without waiting for anything. */
  #flush(): void {
    try {
      mkdirSync(this.#folder, { recursive: true, mode: 0o700 })
      for (const held of this.#held.splice(0)) {
        const fd = openSync(this.#path(held), 'a+', 0o600)
        writeSync(fd, endsTornSync(fd) ? `\n${held.text}` : held.text)
        closeSync(fd)
      }
    } catch {
      // There is nobody left to tell.
    }
  }

  #path({ month }: Held): string {
    return join(this.#folder, `${month}.jsonl`)
  }
}

/** Writes the text. If it gets not all of it written: the lines that are not, or not whole, and why. */
async function write(file: FileHandle, text: string): Promise<{ text: string; error: unknown } | undefined> {
  const bytes = Buffer.from(text)
  let done = 0
  try {
    while (done < bytes.length) done += (await file.write(bytes, done)).bytesWritten
    return undefined
  } catch (error) {
    const whole = bytes.subarray(0, done).lastIndexOf(newline) + 1
    return { text: bytes.subarray(whole).toString().replace(/^\n/, ''), error }
  }
}

/** Whether the last line breaks off: its writer was killed, or the disk was full. */
async function endsTorn(file: FileHandle): Promise<boolean> {
  const { size } = await file.stat()
  if (size === 0) return false
  const { buffer } = await file.read(Buffer.alloc(1), 0, 1, size - 1)
  return buffer[0] !== newline
}

function endsTornSync(fd: number): boolean {
  const { size } = fstatSync(fd)
  const last = Buffer.of(newline)
  if (size > 0) readSync(fd, last, 0, 1, size - 1)
  return last[0] !== newline
}
