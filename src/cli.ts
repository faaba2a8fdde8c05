#!/usr/bin/env node
import { readFileSync } from 'node:fs'
import { Command, CommanderError } from 'commander'
import { clientAdd } from './cli/client-add.js'
import { clientList } from './cli/client-list.js'
import { clientRevoke } from './cli/client-revoke.js'
import { clientRotate } from './cli/client-rotate.js'
import { doctor } from './cli/doctor.js'
import { explain } from './cli/failure.js'
import { importToken } from './cli/import.js'
import { migrate } from './cli/migrate.js'
import { Terminal } from './cli/terminal.js'
import { token } from './cli/token.js'

const surroundings = `
It reads the hub's configuration: run it in the hub's working folder, with the hub's environment variables, as the
hub's user (or as root). It works beside a running hub.`

/** `wechat-hub`: what an operator does on the hub's own machine. */
async function main(): Promise<void> {
  // Whatever is written from here on is for this user alone (P6).
  process.umask(0o077)
  const terminal = new Terminal()
  try {
    await commands(terminal).parseAsync()
  } catch (error) {
    if (error instanceof CommanderError) {
      process.exitCode = error.exitCode
      return
    }
    const { text, code } = explain(error)
    terminal.tell(`wechat-hub: ${text}`)
    process.exitCode = code
  }
}

function commands(terminal: Terminal): Command {
  const program = new Command('wechat-hub')
    .description('Looks after a wechat-hub: its clients, its tokens, its health, its moves.')
    .version(version(), '--version', 'print the version')
    .helpOption('-h, --help', 'print this help')
    .showHelpAfterError('(wechat-hub help COMMAND tells more)')
    .addHelpText('after', surroundings)
    .configureOutput({
      writeOut: (text) => terminal.print(text.trimEnd()),
      // Its words quote what was typed: that can be a key in the wrong place.
      writeErr: (text) => terminal.tell(text.trimEnd()),
    })
    .exitOverride()
  const client = program.command('client').description('the back ends that may use the hub, and their keys')
  for (const add of [clientAdd, clientList, clientRotate, clientRevoke]) add(client, terminal)
  token(program, terminal)
  doctor(program, terminal)
  migrate(program, terminal)
  importToken(program, terminal)
  return program
}

function version(): string {
  return JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')).version
}

await main()
