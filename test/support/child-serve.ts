/** What a child process can be asked to do. Arguments and answers travel as JSON. */
export interface Commands {
  readonly [name: string]: (argument: never) => unknown
}

/** What a parent sends: the n-th command. */
export interface Request {
  readonly id: number
  readonly command: string
  readonly argument: unknown
}

/** What a child sends: it serves now, the answer to a command, or something that it tells unasked. */
export type Report =
  | { readonly type: 'ready' }
  | { readonly type: 'answer'; readonly id: number; readonly value: unknown }
  | { readonly type: 'failure'; readonly id: number; readonly code: string; readonly message: string }
  | { readonly type: 'news'; readonly name: string; readonly value: unknown }

/** What the parent passed to `Child.start`. */
export function settings<Settings extends object>(): Settings {
  return JSON.parse(process.argv[2] ?? '{}')
}

/** Answers the parent's commands until the parent is gone. */
export function serve(commands: Commands): void {
  process.on('disconnect', () => process.exit())
  process.on('message', (request) => void answer(commands, request as Request))
  report({ type: 'ready' })
}

/** Tells the parent something unasked. */
export function tell(name: string, value: unknown): void {
  report({ type: 'news', name, value })
}

async function answer(commands: Commands, { id, command, argument }: Request): Promise<void> {
  try {
    const value = (await commands[command]?.(argument as never)) ?? null
    report({ type: 'answer', id, value })
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : ''
    report({ type: 'failure', id, code, message: String(error) })
  }
}

function report(message: Report): void {
  process.send?.(message)
}
