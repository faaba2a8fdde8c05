import type { Config } from '../../config.js'
import { codeOfFetch } from './fetch-code.js'
import type { Finding } from './finding.js'

/** From here on a wrong clock shows: tokens seem to live longer or shorter than they do. In seconds. */
const tolerated = 60

/** Whether WeChat's API answers, and how this machine's clock compares with its own. */
export async function examineUpstream({ apiDomain, timeout }: Config['wechat']): Promise<Finding[]> {
  const before = Date.now()
  try {
    // Without a token it answers 41001, and counts nothing.
    const url = new URL('/cgi-bin/getcallbackip', apiDomain)
    const response = await fetch(url, { redirect: 'manual', signal: AbortSignal.timeout(timeout) })
    const date = response.headers.get('date')
    // The header counts whole seconds; it was written about halfway between question and answer.
    const middle = (before + Date.now()) / 2
    return [await reach(response, apiDomain), clock(date, middle)]
  } catch (error) {
    return [unreachable(error, apiDomain), { check: 'clock', result: 'unknown', what: 'not compared' }]
  }
}

async function reach(response: Response, apiDomain: string): Promise<Finding> {
  const check = 'upstream'
  const answer: unknown = await response.json().catch(() => undefined)
  if (response.status === 200 && typeof Object(answer).errcode === 'number') {
    return { check, result: 'ok', what: `${apiDomain} answers` }
  }
  return {
    check,
    result: 'wrong',
    what: `${apiDomain} does not answer as WeChat does (HTTP status ${response.status})`,
    remedy: 'Something answers in its place: a proxy, a captive portal, or WECHAT_API_DOMAIN names another server.',
  }
}

function unreachable(error: unknown, apiDomain: string): Finding {
  return {
    check: 'upstream',
    result: 'wrong',
    what: `${apiDomain} cannot be reached (${codeOfFetch(error)})`,
    remedy: 'Check that this machine can open connections to it: name service, firewall. HTTP_PROXY is not read.',
  }
}

function clock(date: string | null, middle: number): Finding {
  const check = 'clock'
  const theirs = Date.parse(date ?? '')
  if (Number.isNaN(theirs)) return { check, result: 'unknown', what: 'not compared: the answer had no date' }
  const off = Math.round((middle - theirs) / 1000)
  const what = `this machine's clock is ${Math.abs(off)} s ${off < 0 ? 'behind' : 'ahead of'} WeChat's`
  if (Math.abs(off) < tolerated) return { check, result: 'ok', what: Math.abs(off) < 2 ? 'right' : what }
  return { check, result: 'warning', what, remedy: 'Set it, and keep it right with NTP (timedatectl set-ntp true).' }
}
