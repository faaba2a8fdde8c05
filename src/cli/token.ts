import type { Command } from 'commander'
import { checkDataDir } from '../config.js'
import { systemClock } from '../wechat/clock.js'
import { type Held, secondsLeft } from '../wechat/held.js'
import { accountWechat } from './account-wechat.js'
import { chosenAccounts, hubConfig } from './hub-settings.js'
import { withHubStores } from './hub-stores.js'
import { type Terminal, table } from './terminal.js'

/** So much of a token is shown: enough to compare two. */
const shownLetters = 6

const notes = `
Uses the stored token and the hub's lock, so it costs a fetch only where the hub would fetch too.`

interface Options {
  readonly show?: boolean
  readonly json?: boolean
}

export function token(parent: Command, terminal: Terminal): void {
  parent
    .command('token')
    .description("print an account's access_token as the hub would give it out")
    .argument('<account>', 'its name or appID')
    .option('--show', 'the whole token; it opens the account to whoever sees it')
    .option('--json', 'as JSON')
    .addHelpText('after', notes)
    .action((account: string, options: Options) => printToken(account, options, terminal))
}

async function printToken(nameOrAppID: string, { show, json }: Options, terminal: Terminal): Promise<void> {
  const config = hubConfig(terminal)
  const accounts = chosenAccounts(config, nameOrAppID)
  // As the hub does at its start: a token that cannot be kept would be fetched again and again.
  if (config.redis.url === '') await checkDataDir(config.dataDir)
  await withHubStores(config, terminal, async ({ credentials }) => {
    for (const account of accounts) {
      const wechat = accountWechat(account, { config, credentials, terminal })
      try {
        const given = asGiven(await wechat.accessToken.get(), show === true)
        const text = json
          ? JSON.stringify(given)
          : table(Object.entries(given).map(([name, value]) => [name, `${value}`]))
        if (show) terminal.reveal(text)
        else terminal.print(text)
      } finally {
        await wechat.close()
      }
    }
  })
}

function asGiven(held: Held, show: boolean) {
  const { value, from } = held
  const masked = `${value.slice(0, shownLetters)}… (${value.length} characters)`
  return { access_token: show ? value : masked, expires_in: secondsLeft(held, systemClock), from }
}
