import { timeField } from './log-time.js'

const longestPath = 256
const longestAddress = 64

/** What is told of a request. */
export interface RequestLine {
  readonly requestId: string
  readonly method: string
  /** Without its query. */
  readonly path: string
  readonly status: number
  readonly ms: number
  /** Names, where they are known. */
  readonly client: string | undefined
  readonly account: string | undefined
  readonly remote: string
  readonly aborted: boolean
}

/**
 * The log line of a request, as pino would write it. There is one for each request, so it is made without pino, which must
 * be ready for any record; and `clean`, which takes out secrets, looks only at what callers can choose, which is short.
 * `worker`: the number of the one that writes it, if there are several.
 */
export function requestLine(
  level: string,
  line: RequestLine,
  clean: (text: string) => string,
  worker?: number,
): string {
  const by = worker === undefined ? '' : `,"worker":${worker}`
  const client = line.client === undefined ? '' : `,"client":${quoted(line.client)}`
  const account = line.account === undefined ? '' : `,"account":${quoted(line.account)}`
  const aborted = line.aborted ? ',"aborted":true' : ''
  const [cleanPath, cleanRemote, requestId] = cleaned(line, clean)
  // Cut only when clean: half a secret would not be known as one.
  const path = quoted(cleanPath.length > longestPath ? cleanPath.slice(0, longestPath) : cleanPath)
  const remote = quoted(cleanRemote.length > longestAddress ? cleanRemote.slice(0, longestAddress) : cleanRemote)
  const id = `"requestId":"${requestId}","method":"${line.method}","path":${path}`
  const outcome = `"status":${line.status},"ms":${line.ms}${client}${account},"remote":${remote}`
  return `{"level":"${level}"${timeField()},"name":"wechat-hub"${by},${id},${outcome}${aborted},"msg":"request"}\n`
}

/** All in one go, which costs half as much as each by itself. No secret has a line break in it, and neither has any of the three. */
function cleaned({ path, remote, requestId }: RequestLine, clean: (text: string) => string): [string, string, string] {
  const told = `${path}\n${remote}\n${requestId}`
  const text = clean(told)
  if (text === told) return [path, remote, requestId]
  const [cleanPath = '', cleanRemote = '', cleanId = ''] = text.split('\n')
  return [cleanPath, cleanRemote, cleanId]
}

/** As JSON. Most texts have nothing in them to be escaped, which is asked faster than JSON is made. */
function quoted(text: string): string {
  return /^[\w./:-]*$/.test(text) ? `"${text}"` : JSON.stringify(text)
}
