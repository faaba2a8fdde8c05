import { Connection } from './connection.js'
import { stayAwake } from './stay-awake.js'

/** What to ask of a server. */
export interface Load {
  readonly port: number
  readonly path: string
  /** Default `GET`. */
  readonly method?: 'GET' | 'POST'
  readonly headers?: Record<string, string>
  readonly body?: string
  /** Headers in addition, which the requests take in turns. */
  readonly turns?: readonly Record<string, string>[]
  readonly requests: number
  readonly connections: number
}

/** How many requests were answered with 2xx. */
export type Loaded = number

process.on('message', (load: Load) => void run(load).then((answered) => process.send?.(answered)))
process.on('disconnect', () => process.exit())

/** Each connection sends its next request when it has its answer. */
async function run({ requests, connections, turns = [{}], ...load }: Load): Promise<Loaded> {
  const all = turns.map((more) => requestOf({ ...load, headers: { ...load.headers, ...more } }))
  const rest = stayAwake()
  let left = requests
  let answered = 0
  const sendAll = async () => {
    const connection = await Connection.open(load.port)
    while (left-- > 0) {
      const { status } = await connection.send(all[left % all.length] ?? Buffer.alloc(0))
      if (status >= 200 && status < 300) answered += 1
    }
    connection.close()
  }
  await Promise.all(Array.from({ length: connections }, sendAll))
  rest()
  return answered
}

function requestOf({
  method = 'GET',
  path,
  headers = {},
  body = '',
}: Omit<Load, 'requests' | 'connections' | 'turns'>): Buffer {
  const length = body === '' ? {} : { 'content-length': String(Buffer.byteLength(body)) }
  const lines = Object.entries({ host: 'localhost', ...headers, ...length }).map(([name, value]) => `${name}: ${value}`)
  return Buffer.from(`${method} ${path} HTTP/1.1\r\n${lines.join('\r\n')}\r\n\r\n${body}`)
}
