/** What the tests and benchmarks use of co-wechat 2.4, which ships no types. */
declare module 'co-wechat' {
  /** A message: all values are texts, or fields, or a list where elements of one name stand side by side. */
  export interface CoWechatMessage {
    readonly [name: string]: string | CoWechatMessage | readonly CoWechatMessage[]
  }

  /** What a handler gives: a text, articles, or another kind of reply by its `type`. An empty text is no reply. */
  export type CoWechatReply = string | object

  export interface CoWechatConfig {
    readonly token: string
    readonly appid?: string
    /** With one, enciphered pushes are read as well. */
    readonly encodingAESKey?: string
  }

  /** What its middleware touches of Koa's context. */
  export interface CoWechatContext {
    readonly method: string
    readonly query: Readonly<Record<string, string | readonly string[] | undefined>>
    /** With a `body` that is a string nothing is read from a socket. */
    readonly request: object
    status: number
    body: unknown
    type: string
  }

  export interface CoWechat {
    middleware(
      handle: (message: CoWechatMessage) => Promise<CoWechatReply>,
    ): (context: CoWechatContext) => Promise<void>
  }

  export default function coWechat(config: string | CoWechatConfig): CoWechat
}
