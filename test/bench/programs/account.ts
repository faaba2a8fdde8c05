/** The account of the benchmarks, which only their own sandbox knows. */
export const appID = 'wx0123456789abcdef'
export const appSecret = '0123456789abcdef0123456789abcdef'
export const token = 'shopToken'
export const encodingAESKey = 'abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG'

/** Where its pushes go, at every server. */
export const callbackPath = '/wx/default'

/** What a handler of the benchmarks answers. */
export function replyTo(message: Readonly<Record<string, unknown>>): string {
  return `You said: ${message['Content']}`
}
