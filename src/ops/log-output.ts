import { write, writeSync } from 'node:fs'

/** Where finished lines go. */
export interface Output {
  write(line: string): void
  flush(): void
  close(): Promise<void>
}

/** So much is collected before it is written. In characters. */
const blockLength = 32 * 1024
/** What a pipe keeps together when several processes write to it, in bytes (PIPE_BUF of Linux). */
const unbroken = 4096
/** A line waits no longer than this, in ms. */
const longestWait = 1000
/** A reader that has stopped reading must not fill our memory: beyond this many characters lines are dropped. */
const mostHeld = 16 * 1024 * 1024
/** How long to leave a reader alone that takes nothing just now (EAGAIN), in ms. */
const breather = 20
/** How long `flush` tries to get rid of the last lines, in ms. */
const flushPatience = 2000
/** How long `close` waits for a reader, in ms. */
const closePatience = 500

const newline = 0x0a

/**
 * Lines collected into blocks and written without waiting. Not pino's own destination: the `flushSync` of sonic-boom
 * 4.2.1, which it calls at exit, tries again for ever when the reader is gone (EPIPE).
 */
export class BlockOutput implements Output {
  readonly #fd: number
  readonly #shared: boolean
  readonly #timer: NodeJS.Timeout
  readonly #flushAtExit = () => this.flush()
  /** Called when all is written, or nothing can be. */
  #idle: (() => void)[] = []
  #held = ''
  #writing = false
  #state: 'open' | 'closed' | 'broken' = 'open'

  /** `shared`: other processes write there, too, so whole lines are written, and no more at once than stays together. */
  constructor(fd: number, { shared = false }: { readonly shared?: boolean } = {}) {
    this.#fd = fd
    this.#shared = shared
    this.#timer = setInterval(() => this.#startWriting(), longestWait).unref()
    process.once('exit', this.#flushAtExit)
  }

  write(line: string): void {
    if (this.#state === 'broken' || this.#held.length > mostHeld) return
    this.#held += line
    if (this.#state === 'closed') this.flush()
    else if (this.#held.length >= blockLength) this.#startWriting()
  }

  /**
   * Writes what is held while the process stands still: for two seconds at most, unless the system itself waits for the
   * reader. What is being written in the background is left to that.
   */
  flush(): void {
    const bytes = Buffer.from(this.#takeHeld())
    const end = performance.now() + flushPatience
    for (let done = 0; done < bytes.length && performance.now() < end; ) {
      try {
        done += writeSync(this.#fd, bytes, done, this.#lengthFrom(bytes, done))
      } catch (error) {
        if (!isBusy(error)) {
          this.#break()
          return
        }
        Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, breather)
      }
    }
  }

  /** Resolves when all is written, or after half a second without a reader: what is left is dropped then. */
  async close(): Promise<void> {
    this.#startWriting()
    const giveUp = setTimeout(() => this.#break(), closePatience)
    if (this.#writing) await new Promise<void>((resolve) => this.#idle.push(resolve))
    clearTimeout(giveUp)
    clearInterval(this.#timer)
    process.off('exit', this.#flushAtExit)
    if (this.#state === 'open') this.#state = 'closed'
  }

  #startWriting(): void {
    if (this.#writing || this.#held === '' || this.#state === 'broken') return
    this.#writing = true
    this.#writeFrom(Buffer.from(this.#takeHeld()), 0)
  }

  #writeFrom(bytes: Buffer, start: number): void {
    write(this.#fd, bytes, start, this.#lengthFrom(bytes, start), null, (error, written) => {
      if (error !== null && error.code === 'EPIPE') return this.#break()
      // A full disk costs the lines of its time, and no more.
      if (error !== null && !isBusy(error)) return this.#wrote()
      const done = start + (error === null ? written : 0)
      if (error !== null) setTimeout(() => this.#writeFrom(bytes, done), breather)
      else if (done < bytes.length) this.#writeFrom(bytes, done)
      else this.#wrote()
    })
  }

  /** How much of it to write at once. A line that is too long for that goes alone. */
  #lengthFrom(bytes: Buffer, start: number): number {
    const length = bytes.length - start
    if (!this.#shared || length <= unbroken) return length
    const last = bytes.lastIndexOf(newline, start + unbroken - 1)
    const end = last < start ? bytes.indexOf(newline, start) : last
    return end === -1 ? length : end + 1 - start
  }

  #wrote(): void {
    this.#writing = false
    if (this.#held.length >= blockLength || this.#idle.length > 0) this.#startWriting()
    if (!this.#writing) this.#tellIdle()
  }

  /** Nobody reads any more: a log that cannot be written must not stop the hub. */
  #break(): void {
    this.#state = 'broken'
    this.#writing = false
    this.#held = ''
    this.#tellIdle()
  }

  #tellIdle(): void {
    for (const tell of this.#idle.splice(0)) tell()
  }

  #takeHeld(): string {
    const held = this.#held
    this.#held = ''
    return held
  }
}

function isBusy(error: unknown): boolean {
  return error instanceof Error && 'code' in error && (error.code === 'EAGAIN' || error.code === 'EBUSY')
}
