type Random = () => number

const segments = [
  ...['cgi-bin', 'sns', 'wxa', 'etc'],
  ...['message', 'message', 'message', 'menu', 'get', 'x', 'v2', 'a.b', '-', '_', '0'],
  ...['token', 'stable_token', 'ticket', 'getticket', 'clear_quota', 'component', 'openapi', 'quota', 'clear', 'rid'],
  ...['checksession', 'resetusersessionkey', 'business', 'getuserencryptkey', 'getqcloudtoken', 'jscode2session'],
]
const roots = ['cgi-bin', 'cgi-bin', 'cgi-bin', 'sns', 'wxa', 'tcb', 'datacube', 'card']
const guarded = [
  ...[
    '/cgi-bin/token',
    '/cgi-bin/stable_token',
    '/cgi-bin/ticket/getticket',
    '/cgi-bin/clear_quota',
    '/cgi-bin/clear_quota/v2',
  ],
  ...[
    '/cgi-bin/openapi/quota/clear',
    '/cgi-bin/openapi/rid/get',
    '/cgi-bin/component/x',
    '/sns/userinfo',
    '/sns/oauth2/x',
  ],
  ...['/wxa/checksession', '/wxa/resetusersessionkey', '/wxa/business/getuserencryptkey', '/tcb/getqcloudtoken'],
]
const oddSegments = [
  '.',
  '..',
  '...',
  '',
  '..;',
  '.;a',
  '%2e',
  '%2e%2e',
  '%252e',
  '%c0%ae',
  '%00',
  '\uff0e\uff0e',
  '~',
  '*',
  '@',
  '\x7f',
]
const slashes = [
  '/',
  '/',
  '/',
  '/',
  '/',
  '/',
  '/',
  '/',
  '/',
  '/',
  '/',
  '/',
  '//',
  '\\',
  '%2f',
  '%5c',
  '/./',
  '/../',
  ';/',
  '\uff0f',
]
const begins = ['/', '//evil', '/\\evil', 'http://evil', 'http:', '@evil', '.', '*', ' ', '\t', '#', '?']
const odd = [
  ...'!"#$%&\'()*+,:;<=>?@[\\]^`{|}~\0\x01\t\x0b\x1f\x7f\x80\xa0\xff',
  '%',
  '%2',
  '%zz',
  '%u0041',
  '%ff',
  '\u200b',
  '\u017f',
  '\u212a',
]
const names = ['a', 'type', 'openid', 'appid', 'b.c', 'ids[]', 'ids%5B%5D', 'token', 'access', 'next_openid', '_', '']
const values = [
  '',
  '1',
  'wx0123456789abcdef',
  'a%20b',
  '%26access_token%3Dx',
  'x=access_token',
  '%3Baccess_token=1',
  '%',
  '/../',
  '@x:y',
  '?',
]
const around = [
  '%20',
  '+',
  '%09',
  '%0a',
  '%0d',
  '%00',
  '%01',
  '%1f',
  '%7f',
  '%C2%A0',
  '%E3%80%80',
  '%EF%BB%BF',
  '%E2%80%8B',
  '[]',
  '%5B%5D',
  '%5b',
  '%3B',
  '.',
  '%25',
]

/** Random request targets: about half of them might be taken. None holds a space, CR or LF, which end it on the wire. */
export function targets(random: Random): () => string {
  const below = (limit: number) => Math.floor(random() * limit)
  const pick = (from: readonly string[] | string) => from[below(from.length)] ?? ''
  const seldom = (often: number) => below(often) === 0

  const cased = (text: string) => [...text].map((each) => (seldom(2) ? each.toUpperCase() : each)).join('')
  const escaped = (text: string, often: number) =>
    [...text].map((each) => (seldom(often) && each.length === 1 ? asEscape(each, seldom(2)) : each)).join('')
  const dotted = (path: string) => path.replaceAll(/(?=\/|$)/g, () => (seldom(3) ? '.'.repeat(below(4)) : ''))
  const spoiled = (text: string) => {
    const at = below(text.length + 1)
    return text.slice(0, at) + pick(odd) + text.slice(at + below(2))
  }

  const path = () => {
    if (seldom(5)) {
      const plain = pick(guarded)
      return [plain, cased(plain), dotted(plain), dotted(cased(plain)), `${plain}/x`, escaped(plain, 8)][below(6)] ?? ''
    }
    let text = `/${seldom(20) ? pick(oddSegments) : pick(seldom(3) ? segments : roots)}`
    for (let left = below(4); left >= 0; left -= 1) {
      text += (seldom(10) ? pick(slashes) : '/') + (seldom(30) ? pick(oddSegments) : pick(segments))
    }
    return text
  }

  const tokenName = () => {
    let name = 'access_token'
    if (seldom(2)) return seldom(3) ? cased(name) : name
    if (seldom(2)) name = cased(name)
    if (seldom(3))
      name = name.replace('_', pick(['.', '+', '%20', '[', '%5B', '%5b', '%2E', '-', '%5F', '%255f', '%EF%BC%BF']))
    if (seldom(5)) name = pick(around) + name
    if (seldom(5)) name += pick(around)
    if (seldom(3)) name = escaped(name, 4)
    if (seldom(20)) name = escaped(name.replaceAll('%', '%25'), 20)
    if (seldom(20)) name = spoiled(name)
    return name
  }

  const query = () => {
    const parts = Array.from({ length: below(5) }, () => {
      const name = seldom(2) ? tokenName() : seldom(10) ? spoiled(pick(names)) : pick(names)
      return seldom(8) ? name : `${name}=${seldom(30) ? spoiled(pick(values)) : pick(values)}`
    })
    return parts.reduce(
      (text, part) => (text === '' ? part : `${text}${seldom(60) ? pick([';', '?', '&&', '#']) : '&'}${part}`),
      '',
    )
  }

  return () => {
    const whole = (seldom(8) ? pick(begins) : '') + path() + (seldom(3) ? '' : `?${query()}`)
    return (seldom(15) ? spoiled(whole) : whole).replaceAll(/[ \r\n]/g, '')
  }
}

function asEscape(character: string, upper: boolean): string {
  const hex = Buffer.from(character).toString('hex').replaceAll(/../g, '%$&')
  return upper ? hex.toUpperCase() : hex
}
