/** What only a person at the terminal needs, apart from the log. */
export function tell(...lines: readonly string[]): void {
  process.stderr.write(`${lines.join('\n')}\n`)
}

export function tellFailure(text: string): void {
  tell(`wechat-hub cannot start. ${text}`)
}
