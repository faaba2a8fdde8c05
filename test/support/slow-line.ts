import { readFileSync } from 'node:fs'
import { createServer as createHttpsServer } from 'node:https'
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net'
import { join } from 'node:path'
import type { Sandbox } from '../../src/sandbox/sandbox.js'
import { makeCertificate } from './certificate.js'
import { removeFolder, temporaryFolder } from './temporary-folder.js'

/** The sandbox by TLS, behind a line that carries nothing to it until it is let. */
export class SlowLine {
  /** How many bytes wait. */
  waiting = 0
  readonly #folder: string
  readonly #servers: Server[]
  readonly #held: (() => void)[] = []
  readonly #sockets: Socket[] = []
  #open = false

  private constructor(servers: Server[], folder: string) {
    this.#servers = servers
    this.#folder = folder
  }

  static async to(wechat: Sandbox): Promise<SlowLine> {
    const folder = temporaryFolder()
    const files = { key: join(folder, 'key.pem'), certificate: join(folder, 'certificate.pem') }
    await makeCertificate(files)
    const secrets = { key: readFileSync(files.key), cert: readFileSync(files.certificate) }
    const secure = createHttpsServer(secrets, wechat.app.callback())
    const line = createServer()
    const slow = new SlowLine([line, secure], folder)
    line.on('connection', (near) => slow.#carry(near, connect(portOf(secure), '127.0.0.1')))
    for (const server of [secure, line]) await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
    return slow
  }

  /** The certificate of WeChat there, in PEM. */
  get caFile(): string {
    return join(this.#folder, 'certificate.pem')
  }

  get url(): string {
    const [line] = this.#servers
    return `https://127.0.0.1:${line === undefined ? 0 : portOf(line)}/`
  }

  let(): void {
    this.#open = true
    for (const send of this.#held.splice(0)) send()
  }

  close(): void {
    for (const socket of this.#sockets) socket.destroy()
    for (const server of this.#servers) server.close()
    removeFolder(this.#folder)
  }

  #carry(near: Socket, far: Socket): void {
    this.#sockets.push(near, far)
    for (const socket of [near, far]) socket.on('error', () => undefined)
    far.pipe(near)
    near.on('data', (bytes) => {
      this.waiting += bytes.length
      if (this.#open) far.write(bytes)
      else this.#held.push(() => far.write(bytes))
    })
  }
}

function portOf(server: Server): number {
  return (server.address() as AddressInfo).port
}
