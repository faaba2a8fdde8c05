/** A job that no further try can bring to its receiver. */
export class Undeliverable extends Error {
  override readonly name = 'Undeliverable'
}
