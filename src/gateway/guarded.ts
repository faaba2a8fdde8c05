/**
 * Paths that mint, reveal or break credentials: no wildcard of a scope takes them in. `/cgi-bin/openapi/rid/get` shows the
 * URL of an earlier call, with its access_token [RID]; `/tcb/getqcloudtoken` gives a secret key of Tencent Cloud,
 * `/wxa/business/getuserencryptkey` the key of a user.
 */
const guarded =
  /^\/(?:cgi-bin\/(?:token|stable_token|clear_quota[^/]*|component|openapi\/(?:quota\/clear|rid\/get)|ticket)|sns|tcb\/getqcloudtoken|wxa\/(?:business\/getuserencryptkey|checksession|resetusersessionkey))(?:\/|$)/

const plainlySpelled = /^[a-z0-9_/-]*$/

/** Whether a plain path is guarded, in whatever spelling a generous server may take for it: letter case, dots at the end. */
export function isGuarded(path: string): boolean {
  if (plainlySpelled.test(path)) return guarded.test(path)
  return guarded.test(path.toLowerCase().replaceAll(/\.+(?=\/|$)/g, ''))
}
