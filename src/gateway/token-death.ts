/** Longest answer that can be an error of WeChat's, in bytes. Its errors have some hundred. */
export const longestError = 4096

/** [ATUSE] The errcodes by which WeChat says that the access_token is dead (PROTOCOL section 10). */
const dead: ReadonlySet<unknown> = new Set([40001, 40014, 42001])

/** Whether an answer says that the access_token of its call is dead. Looks at whole, short JSON objects only. */
export function saysTokenDead(answer: Buffer): boolean {
  if (answer.length > longestError || !answer.includes('errcode')) return false
  const text = answer.toString()
  try {
    return dead.has(Object(JSON.parse(text)).errcode)
  } catch {
    // Control characters in WeChat's words, as it sends them at times, are no JSON; nor is a byte order mark.
    return /^\s*\{\s*"errcode"\s*:\s*(?:40001|40014|42001)\s*[,}]/.test(text)
  }
}
