import { randomBytes, randomInt } from 'node:crypto'
import type { Api } from '../../wechat/api.js'
import { ErrcodeError, WechatError } from '../../wechat/errors.js'
import { handshakeSignature } from '../../wechat/signature.js'
import type { NamedAccount } from '../hub-settings.js'
import { codeOfFetch } from './fetch-code.js'
import { counted, type Finding } from './finding.js'

/** WeChat waits so long for an answer, in ms. */
const patience = 5_000
/** An `echostr` is much shorter; whoever sends more is not the hub. */
const longestAnswer = 4096

interface Means {
  readonly url: URL | undefined
  readonly network: boolean
  readonly api: Api
  /** One that WeChat takes. */
  readonly token: string | undefined
}

/** The callback of one account: what is configured, and, if asked for, whether it can be reached. */
export async function examineCallback(account: NamedAccount, means: Means): Promise<Finding[]> {
  const { url, network, api, token } = means
  return [
    configured(account),
    ...(url === undefined ? [] : await tryHandshake(url, account)),
    ...(network ? await askWechat(api, token) : []),
  ]
}

function configured({ mode, token, routes, type }: NamedAccount): Finding {
  const tokens = token.length === 1 ? 'a Token' : `${token.length} Tokens`
  const what = `${type === 'miniprogram' ? 'mini program, ' : ''}${mode} mode, ${tokens}, ${counted(routes.length, 'route')}`
  if (routes.some(({ observe }) => !observe)) return { check: 'callback', result: 'ok', what }
  const noRoute = `${what}: no route answers messages`
  return {
    check: 'callback',
    result: 'unknown',
    what: noRoute,
    remedy: 'Messages are acknowledged, and users get no reply. Needed only if 服务器配置 is enabled: set routes.',
  }
}

/** Asks as WeChat's console does when its settings are saved [PUSH]: a signed GET, which the hub answers with `echostr`. */
async function tryHandshake(url: URL, { token }: NamedAccount): Promise<Finding[]> {
  const check = 'handshake'
  const place = `${url.origin}${url.pathname}`
  const wrong = (what: string, remedy: string): Finding => ({
    check,
    result: 'wrong',
    what: `${place} ${what}`,
    remedy,
  })
  const { signed, echostr } = signedUrl(url, token[0] ?? '')
  try {
    const response = await fetch(signed, { redirect: 'manual', signal: AbortSignal.timeout(patience) })
    const isRight = (await startOf(response)) === echostr && response.status === 200
    if (isRight) return [{ check, result: 'ok', what: `${place} answers echostr` }, ...ports(url)]
    const but = response.status === 200 ? ', but not echostr' : ''
    return [wrong(`answers HTTP status ${response.status}${but}`, remedyFor(response)), ...ports(url)]
  } catch (error) {
    const remedy =
      'Check name service, firewall, certificate and reverse proxy. It was tried from this machine, not from WeChat.'
    return [wrong(`cannot be reached (${codeOfFetch(error)})`, remedy), ...ports(url)]
  }
}

function signedUrl(url: URL, token: string): { signed: URL; echostr: string } {
  const timestamp = String(Math.floor(Date.now() / 1000))
  const nonce = String(randomInt(1e9, 1e10))
  const echostr = randomBytes(8).toString('hex')
  const signed = new URL(url)
  const query = { signature: handshakeSignature(token, timestamp, nonce), timestamp, nonce, echostr }
  for (const [name, value] of Object.entries(query)) signed.searchParams.set(name, value)
  return { signed, echostr }
}

async function startOf(response: Response): Promise<string> {
  let text = ''
  for await (const chunk of response.body ?? []) {
    text += Buffer.from(chunk).toString('latin1')
    if (text.length > longestAnswer) break
  }
  return text
}

function remedyFor({ status }: Response): string {
  if (status === 403) {
    return 'The hub there has another Token for this account, or the proxy drops the query. Was it restarted after a change?'
  }
  if (status >= 300 && status < 400) return 'WeChat follows no redirect: give the URL where it ends.'
  if (status === 404) return 'Let the reverse proxy pass /wx and /wx/NAME to the hub.'
  if (status >= 500) return 'The reverse proxy does not reach the hub: does it run, and on that port?'
  return 'Something else than the hub answers there: look at the reverse proxy.'
}

function ports({ port, protocol }: URL): Finding[] {
  if (port === '' || (protocol === 'http:' && port === '443') || (protocol === 'https:' && port === '80')) return []
  const what = `WeChat calls ports 80 and 443 only, not ${port}`
  return [{ check: 'port', result: 'warning', what, remedy: 'Put a reverse proxy in front.' }]
}

/** [CBCHK] WeChat looks the host of the configured URL up and pings it, from its own networks. */
async function askWechat(api: Api, token: string | undefined): Promise<Finding[]> {
  const check = 'network'
  if (token === undefined) return [{ check, result: 'unknown', what: 'not asked: there is no token' }]
  const call = { query: { access_token: token }, json: { action: 'all', check_operator: 'DEFAULT' } }
  try {
    const { dns, ping } = await api.call('/cgi-bin/callback/check', call)
    return [ofLookup(listOf(dns)), ofPing(listOf(ping))]
  } catch (error) {
    if (!(error instanceof WechatError)) throw error
    if (error instanceof ErrcodeError && error.errcode === 40201) {
      return [{ check, result: 'unknown', what: 'no URL is set in 服务器配置 of the console' }]
    }
    return [{ check, result: 'warning', what: `WeChat does not check: ${error.message}` }]
  }
}

function ofLookup(dns: readonly Entry[]): Finding {
  const check = 'network'
  const addresses = dns.map(({ ip }) => plain(ip))
  if (addresses.length > 0) return { check, result: 'ok', what: `WeChat finds the host at ${addresses.join(', ')}` }
  return {
    check,
    result: 'wrong',
    what: 'WeChat cannot find the address of the host',
    remedy: 'Look at its DNS record.',
  }
}

function ofPing(ping: readonly Entry[]): Finding {
  const check = 'network'
  const lost = ping.filter(({ package_loss }) => plain(package_loss) !== '0%')
  if (ping.length > 0 && lost.length === 0) return { check, result: 'ok', what: 'WeChat reaches the host by ping' }
  // One ping each, and many hosts do not answer pings: no fault by itself.
  const remedy = 'Many firewalls drop pings. If messages do not arrive either, let WeChat through on ports 80 and 443.'
  return { check, result: 'warning', what: `${lost.length} of ${ping.length} pings of WeChat were lost`, remedy }
}

type Entry = Readonly<Record<string, unknown>>

function listOf(value: unknown): Entry[] {
  return Array.isArray(value) ? value.map((entry: unknown) => ({ ...Object(entry) })) : []
}

/** A value of WeChat's, fit to be printed. */
function plain(value: unknown): string {
  return String(value)
    .replaceAll(/[^\w.:%-]/g, '')
    .slice(0, 64)
}
