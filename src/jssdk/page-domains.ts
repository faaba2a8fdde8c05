/** Longest URL of a page that is signed, in characters, its fragment included. */
const longestUrl = 2048

/**
 * Scheme, host and port of what a browser would also take for them: names of ASCII letters, digits and dashes, then the
 * end, a path, a query or a fragment. No user, no backslash, no dot at the end, nothing encoded.
 */
const page = /^https?:\/\/([a-z0-9-]+(?:\.[a-z0-9-]+)*)(:[0-9]{1,5})?(?=[/?#]|$)/i

/** What most addresses are made of, none of which is alien: the quicker question. */
const usual = /^[!-[\]-~]*$/

/** What stands in no `location.href`: spaces and control characters anywhere, a backslash in the path. */
const alien = /[\s\p{Cc}]|^[^?#]*\\/u

const anyPort = ':*'

interface Place {
  readonly host: string
  readonly port: boolean
}

/**
 * The domains whose pages may have signatures: a listed host itself and all below it. A port is refused, also 80 and 443:
 * WeChat takes pages on these two alone [JSSDK], and browsers leave them out of the address. A name that ends in `:*` is
 * taken at any port; only the built-in sandbox has such.
 */
export class PageDomains {
  readonly #atStandardPort: readonly string[]
  readonly #atAnyPort: readonly string[]

  /** `domains` are host names in lower case. */
  constructor(domains: readonly string[]) {
    this.#atAnyPort = domains.filter((domain) => domain.endsWith(anyPort)).map((domain) => domain.slice(0, -2))
    this.#atStandardPort = domains.filter((domain) => !domain.endsWith(anyPort))
  }

  /** Whether this is the address of a page on one of the domains, written as browsers write it. */
  holdPage(url: string): boolean {
    if (url.length > longestUrl || (!usual.test(url) && alien.test(url))) return false
    const found = page.exec(url)
    return found !== null && this.#hold(placeOf(found))
  }

  /** Whether a header `Origin` names a page on one of the domains. */
  holdOrigin(origin: string): boolean {
    const found = page.exec(origin)
    return found !== null && found[0].length === origin.length && this.#hold(placeOf(found))
  }

  #hold({ host, port }: Place): boolean {
    return (!port && isUnder(host, this.#atStandardPort)) || isUnder(host, this.#atAnyPort)
  }
}

function placeOf([, host = '', port]: RegExpExecArray): Place {
  return { host: host.toLowerCase(), port: port !== undefined }
}

function isUnder(host: string, domains: readonly string[]): boolean {
  return domains.some((domain) => host === domain || host.endsWith(`.${domain}`))
}
