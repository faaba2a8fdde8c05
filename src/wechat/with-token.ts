import { withoutQuery } from './api.js'
import { isTokenDead } from './errors.js'

/** Where a call has its access_token from. */
export interface TokenSource {
  get(): Promise<string>
  /** Takes a report that WeChat refused the token, and answers the one to go on with. */
  reject(token: string, noticedBy: string): Promise<string>
}

/** Makes a call with the access_token. When WeChat refuses the token it is replaced, and the call is made once more. */
export async function withToken<T>(tokens: TokenSource, path: string, call: (token: string) => Promise<T>): Promise<T> {
  const token = await tokens.get()
  try {
    return await call(token)
  } catch (error) {
    if (!isTokenDead(error)) throw error
    const next = await tokens.reject(token, `a call of ${withoutQuery(path)}`)
    if (next === token) throw error
    return call(next)
  }
}
