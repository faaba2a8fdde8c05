import { pino } from 'pino'
import type { Secrets } from '../wechat/secrets.js'
import { thisWorker } from '../workers/this-worker.js'
import { errorRecord } from './log-error.js'
import { BlockOutput, type Output } from './log-output.js'
import { censored, cleanText, fitToLog } from './log-redaction.js'
import { timeField } from './log-time.js'
import { type RequestLine, requestLine } from './request-line.js'

export interface LogOptions {
  readonly level: 'trace' | 'debug' | 'info' | 'warn' | 'error' | 'fatal' | 'silent'
  /** Whatever it knows when a line is finished is taken out of that line. */
  readonly secrets: Pick<Secrets, 'redact'>
  /** Takes one line at a time, with its `\n`. Default: stdout, written in blocks of 32 Ki characters, at least once a second. */
  readonly destination?: { write(line: string): void }
  /** Whether other processes write to the same stdout: then lines are kept whole. Default: whether this is a worker. */
  readonly amongOthers?: boolean
}

/**
 * Writes a line: a record of what happened, or an error, and a sentence. Of pino only this much is used: its child loggers
 * and message arguments would pass the redaction by key.
 */
export type WriteLine = (record: object, message?: string) => void

export type Logger = Readonly<Record<'trace' | 'debug' | 'info' | 'warn' | 'error' | 'fatal', WriteLine>>

export interface Log {
  readonly log: Logger
  /** Writes the line of a request. */
  request(level: 'debug' | 'info' | 'error', line: RequestLine): void
  /** Writes out at once what is still held back. For the last moment before `process.exit`. */
  flush(): void
  /** Resolves when everything is written, or nobody has read for half a second. A line logged later is written at once. */
  close(): Promise<void>
}

/** The hub's log: JSON lines with `level` as a word, `time` in ISO 8601 and `name`, a worker's with `worker`, and without secrets (P6). */
export function createLog({ level, secrets, destination, amongOthers }: LogOptions): Log {
  const worker = thisWorker()?.number
  const shared = amongOthers ?? worker !== undefined
  const output = destination === undefined ? new BlockOutput(1, { shared }) : direct(destination)
  const clean = (text: string) => cleanText(text, secrets)
  const log = pino(
    {
      level,
      base: { name: 'wechat-hub', ...(worker === undefined ? {} : { worker }) },
      timestamp: timeField,
      formatters: {
        level: (label) => ({ level: label }),
        log: (record) => fitToLog(record),
      },
      serializers: { err: (value: unknown) => (value instanceof Error ? errorRecord(value) : value) },
    },
    { write: (line: string) => output.write(withoutSecrets(line, secrets)) },
  )
  const [debug, info, error] = [log.isLevelEnabled('debug'), log.isLevelEnabled('info'), log.isLevelEnabled('error')]
  const enabled = { debug, info, error }
  return {
    log,
    request: (level, line) => enabled[level] && output.write(requestLine(level, line, clean, worker)),
    flush: () => output.flush(),
    close: () => output.close(),
  }
}

function withoutSecrets(line: string, secrets: Pick<Secrets, 'redact'>): string {
  const clean = cleanText(line, secrets)
  return clean === line || isJSON(clean) ? clean : redactedDeep(line, secrets)
}

function isJSON(text: string): boolean {
  try {
    JSON.parse(text)
    return true
  } catch {
    return false
  }
}

/** A secret of digits may have been found inside a number, and the line is no JSON without it. */
function redactedDeep(line: string, secrets: Pick<Secrets, 'redact'>): string {
  const redacted = JSON.stringify(JSON.parse(line), (_key, value: unknown) => {
    if (typeof value === 'string') return cleanText(value, secrets)
    return typeof value === 'number' && secrets.redact(String(value)) !== String(value) ? censored : value
  })
  return `${redacted}\n`
}

function direct(destination: { write(line: string): void }): Output {
  return {
    write: (line) => destination.write(line),
    flush: () => undefined,
    close: () => Promise.resolve(),
  }
}
