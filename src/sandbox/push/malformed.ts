/** An answer that WeChat could not use. The message is a sentence for the developer, without its subject: the body. */
export class Malformed extends Error {
  override readonly name = 'Malformed'
}
