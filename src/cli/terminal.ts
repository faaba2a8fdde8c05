import { cleanText } from '../ops/log-redaction.js'
import { Secrets } from '../wechat/secrets.js'

/** What the commands print. No secret gets out but by `reveal` (P6). */
export class Terminal {
  readonly secrets = new Secrets()

  constructor() {
    // Whoever reads may stop reading: `wechat-hub client list | head -1`.
    for (const stream of [process.stdout, process.stderr]) stream.on('error', () => process.exit(1))
  }

  /** A result: on stdout. */
  print(text: string): void {
    process.stdout.write(`${this.#clean(text)}\n`)
  }

  printJson(value: unknown): void {
    this.print(JSON.stringify(value, null, 2))
  }

  /** What a person shall know beside the result: on stderr. */
  tell(...lines: readonly string[]): void {
    process.stderr.write(`${this.#clean(lines.join('\n'))}\n`)
  }

  /** A result that is a secret, which was asked for. */
  reveal(text: string): void {
    process.stdout.write(`${text}\n`)
  }

  #clean(text: string): string {
    return cleanText(text, this.secrets)
  }
}

/** Rows in columns, two spaces apart. */
export function table(rows: readonly (readonly string[])[]): string {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)))
  return rows
    .map((row) =>
      row
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join('  ')
        .trimEnd(),
    )
    .join('\n')
}
