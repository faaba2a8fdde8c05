/**
 * Paths that mint, reveal or break credentials: no wildcard of a scope takes them in. `/cgi-bin/openapi/rid/get` shows the
 * URL of an earlier call, with its access_token [RID]; `/tcb/getqcloudtoken` gives a secret key of Tencent Cloud,
 * `/wxa/business/getuserencryptkey` the key of a user.
 */
const guarded =
  /^\/(?:cgi-bin\/(?:token|stable_token|clear_quota[^/]*|component|openapi\/(?:quota\/clear|rid\/get)|ticket)|sns|tcb\/getqcloudtoken|wxa\/(?:business\/getuserencryptkey|checksession|resetusersessionkey))(?:\/|$)/

/**
 * Endpoints that WeChat answers with a session_key, which the hub gives to nobody (P9): of a login, also of one through a third-party
 * platform, of WeCom and of apps, and the new one of a reset.
 */
const revealing = /\/(?:jscode2session|resetusersessionkey|(?:check)?code2verifyinfo)(?:\/|$)/

const plainlySpelled = /^[a-z0-9_/-]*$/

/** A plain path as a generous server may take it: in lower case, without dots at the end of a segment. */
export function usualSpelling(path: string): string {
  return plainlySpelled.test(path) ? path : path.toLowerCase().replaceAll(/\.+(?=\/|$)/g, '')
}

/** Whether a plain path is guarded, however it is spelled. */
export function isGuarded(path: string): boolean {
  return guarded.test(usualSpelling(path))
}

/** Whether WeChat answers a plain path with a session_key, however it is spelled: then no scope opens it. */
export function revealsSessionKey(path: string): boolean {
  return revealing.test(usualSpelling(path))
}
