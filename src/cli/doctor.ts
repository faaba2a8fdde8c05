import type { Command } from 'commander'
import { examineAll } from './doctor/examine.js'
import type { Finding } from './doctor/finding.js'
import { CommandError } from './failure.js'
import { chosenAccounts, hubConfig, type NamedAccount } from './hub-settings.js'
import type { Terminal } from './terminal.js'

const marks = { ok: '✓', wrong: '✗', warning: '!', unknown: '-' } as const

const notes = `
✓ right   ✗ wrong   ! worth a look   - not known
It exits with 0, with 1 if something is wrong, with 78 if the configuration cannot be used. It changes nothing and ends no
token: it never calls /cgi-bin/token.

Examples:
  wechat-hub doctor
  wechat-hub doctor shop --url https://wechat.example.com/wx/shop`

interface Options {
  readonly url?: string
  readonly network?: boolean
  readonly json?: boolean
}

export function doctor(parent: Command, terminal: Terminal): void {
  parent
    .command('doctor')
    .description('find out what is wrong with the hub, its accounts and the way to WeChat')
    .argument('[account]', 'its name or appID; default: all')
    .option('--url <url>', "call the callback at its public URL, as WeChat's console does")
    .option('--network', 'let WeChat itself look up and ping the host of the callback')
    .option('--json', 'as JSON')
    .addHelpText('after', notes)
    .action((account: string | undefined, options: Options) => examine(account, options, terminal))
}

async function examine(account: string | undefined, options: Options, terminal: Terminal): Promise<void> {
  const config = hubConfig(terminal)
  const accounts = chosenAccounts(config, account)
  const { secrets } = terminal
  const { network = false, url } = options
  const findings = await examineAll(accounts, { config, secrets, network, url: callbackUrl(url, accounts) })
  if (options.json) terminal.printJson({ ok: !isAnythingWrong(findings), findings })
  else terminal.print(report(findings))
  if (isAnythingWrong(findings)) process.exitCode = 1
}

function callbackUrl(text: string | undefined, accounts: readonly NamedAccount[]): URL | undefined {
  if (text === undefined) return undefined
  const url = URL.canParse(text) ? new URL(text) : undefined
  if (url === undefined || !['http:', 'https:'].includes(url.protocol)) {
    throw new CommandError('--url is the whole URL of the callback, such as https://wechat.example.com/wx')
  }
  if (accounts.length > 1) throw new CommandError('with --url name the account: each has a Token of its own')
  return url
}

function report(findings: readonly Finding[]): string {
  const width = Math.max(...findings.map(({ check }) => check.length))
  const sections = [...new Set(findings.map(({ account }) => account))].map((account) => [
    account === undefined ? 'the hub' : `account ${account}`,
    ...findings.filter((finding) => finding.account === account).flatMap((finding) => lines(finding, width)),
  ])
  const wrong = findings.filter(({ result }) => result === 'wrong').length
  const verdict = wrong === 0 ? 'Nothing is wrong.' : wrong === 1 ? 'One thing is wrong.' : `${wrong} things are wrong.`
  return [...sections.flat(), verdict].join('\n')
}

function lines({ check, result, what, remedy }: Finding, width: number): string[] {
  const line = `  ${marks[result]} ${check.padEnd(width)}  ${what}`
  return remedy === undefined ? [line] : [line, `${' '.repeat(width + 6)}${remedy}`]
}

function isAnythingWrong(findings: readonly Finding[]): boolean {
  return findings.some(({ result }) => result === 'wrong')
}
